"""Which exchanges there are, built from settings; a wrong name or symbol fails at start with what to write instead.

An exchange is a folder beside this module and its name in `EXCHANGES`; nothing else in the platform names one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from whale_platform.domain import catalogue
from whale_platform.domain.catalogue import SymbolCatalogue
from whale_platform.domain.market import MarketKind
from whale_platform.domain.trade import Source
from whale_platform.exchanges.base import Exchange, ExchangeSpec

if TYPE_CHECKING:
    from whale_platform.exchanges.simulation.simulated_exchange import SimulatedExchange

EXCHANGES = (
    "binance",
    "coinbase",
    "binance_us",
    "binance_block",
    "okx",
    "kraken",
    "bybit",
    "hyperliquid",
    "coinbase_advanced",
    "bybit_linear",
    "bybit_liquidation",
)

Way = Literal["ws", "rest"]
WAYS: tuple[Way, ...] = ("ws", "rest")
_MARKS: dict[str, tuple[str, Source]] = {
    "live": ("", "live"),
    "simulator": ("sim_", "simulated"),
    "replay": ("", "replay"),
}


class ExchangeSettings(Protocol):
    """What of the settings decides about adapters."""

    @property
    def source(self) -> str:
        """Where the trades come from: `live`, `simulator` or `replay`."""

    @property
    def home(self) -> Path:
        """The folder that keeps copies of the exchanges' lists of symbols."""

    @property
    def exchanges(self) -> tuple[str, ...]:
        """Names of the exchanges that are ingested."""

    def exchange_address(self, exchange: str, interface: Way) -> str:
        """Where `exchange` is."""


def _load(name: str) -> ExchangeSpec:
    spec: ExchangeSpec = import_module(f"{__package__}.{name}").EXCHANGE
    return spec


SPECS = {name: _load(name) for name in EXCHANGES}
DUMPS = {name: spec.dumps for name, spec in SPECS.items() if spec.dumps is not None}


def load_simulated(name: str) -> "SimulatedExchange":
    """The simulated side of a registered exchange; it is imported here, because few processes need it."""
    simulated: SimulatedExchange = import_module(f"{__package__}.{name}.simulator").SIMULATED
    return simulated


def find_market_kind(name: str) -> MarketKind:
    """What is traded on the exchange of the column `exchange`, simulated or not; an unknown one counts as spot."""
    spec = SPECS.get(name.removeprefix(_MARKS["simulator"][0]))
    return "spot" if spec is None else spec.market_kind


def list_marked_names(names: Iterable[str]) -> list[str]:
    """All that the column `exchange` may hold of these registered exchanges: each name, plain and simulated."""
    prefixes = dict.fromkeys(prefix for prefix, _ in _MARKS.values())
    return [f"{prefix}{name}" for name in names for prefix in prefixes]


def has_history(name: str) -> bool:
    """Whether the exchange of the column `exchange`, simulated or not, shows past trades; an unknown one does."""
    spec = SPECS.get(name.removeprefix(_MARKS["simulator"][0]))
    return spec is None or spec.has_history


def build_adapters(
    settings: ExchangeSettings, listed: Callable[[str], SymbolCatalogue] | None = None
) -> list[Exchange]:
    """The adapters of `settings.exchanges`, in that order. Raises ValueError for an unknown name.

    `listed(name)` gives what an exchange lists; by default it is the copy that the home keeps.
    """
    prefix, source = _MARKS[settings.source]
    listed = listed or partial(catalogue.load_catalogue, settings.home)
    found: list[Exchange] = []
    for kind in dict.fromkeys(settings.exchanges):
        if kind not in SPECS:
            raise ValueError(f"unknown exchange {kind!a}: WHALE_EXCHANGES may hold {join_names(EXCHANGES)}")
        name, (ws_url, rest_url) = f"{prefix}{kind}", (settings.exchange_address(kind, way) for way in WAYS)
        found.append(SPECS[kind].adapter(ws_url, rest_url, name, source, listed=listed(name)))
    return found


def join_names(names: Sequence[str], conjunction: str = "and") -> str:
    """`a, b and c`."""
    return f" {conjunction} ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def assign_symbols(exchanges: Sequence[Exchange], symbols: Sequence[str]) -> dict[str, list[str]]:
    """Each exchange's symbols, in the order wanted and without repeats; every exchange has an entry.

    A symbol that no exchange lists is still assigned: it may be listed one day. Raises ValueError for nonsense, and for
    a symbol that none of these exchanges takes.
    """
    found: dict[str, list[str]] = {exchange.name: [] for exchange in exchanges}
    for one in symbols:
        spelled = [(exchange, symbol) for exchange in exchanges if (symbol := exchange.symbol(one)) is not None]
        if not spelled:
            raise ValueError(f"symbol {one!a} belongs to none of the exchanges {', '.join(found)}")
        for exchange, symbol in _meant(spelled, one):
            if symbol not in found[exchange.name]:
                found[exchange.name].append(symbol)
    return found


def check_order_books(exchanges: Sequence[Exchange], symbols: Mapping[str, Sequence[str]]) -> None:
    """Raises ValueError for a symbol whose trades two of the exchanges publish; `symbols` by exchange name.

    Simulated exchanges have no order book in common: each one's trades are its own.
    """
    for one in exchanges:
        book = None if one.source == "simulated" or one.name not in SPECS else SPECS[one.name].order_book_of
        shared = [symbol for symbol in symbols[one.name] if symbol in symbols.get(book or "", ())]
        if shared:
            raise ValueError(
                f"{book} and {one.name} publish the same order book, so each trade of {', '.join(shared[:3])}"
                f"{f' and {len(shared) - 3} more' if len(shared) > 3 else ''} would count twice: leave one of the two "
                f"out of WHALE_EXCHANGES, or name in WHALE_SYMBOLS (--symbols) whose it is, such as {book}:{shared[0]}"
            )


def _meant(spelled: list[tuple[Exchange, str]], name: str) -> list[tuple[Exchange, str]]:
    """Those of `spelled` that were meant: of an exchange's own symbol, or of two currencies, not what isn't there."""
    text = name.strip().rpartition(":")[2].upper()
    listed = [(exchange, symbol) for exchange, symbol in spelled if exchange.listed.get(symbol) is not None]
    own = [
        (exchange, symbol)
        for exchange, symbol in spelled
        if symbol == text and "/" not in text and not _writes_bases(exchange)
    ]
    if own:
        return [one for one in spelled if one in own or one in listed]
    return listed if listed and "/" in text else spelled


def _writes_bases(exchange: Exchange) -> bool:
    """Whether its symbols are base currencies, so that a base is meant for the others too."""
    return exchange.symbol("BTC") == "BTC"
