"""Which exchanges there are, built from settings; a wrong name or symbol fails at start with what to write instead."""

from collections.abc import Callable, Sequence

from whale_platform.domain.trade import Source
from whale_platform.exchanges.base import Exchange
from whale_platform.exchanges.binance import Binance
from whale_platform.exchanges.coinbase import Coinbase
from whale_platform.settings import Settings, SourceKind

_MARKS: dict[SourceKind, tuple[str, Source]] = {
    "live": ("", "live"),
    "simulator": ("sim_", "simulated"),
    "replay": ("", "replay"),
}
_KINDS: dict[str, Callable[[str, str, str, Source], Exchange]] = {"binance": Binance, "coinbase": Coinbase}


def adapters(settings: Settings) -> list[Exchange]:
    """The adapters of `settings.exchanges`, in that order. Raises ValueError for an unknown name."""
    prefix, source = _MARKS[settings.source]
    found: list[Exchange] = []
    for name in dict.fromkeys(settings.exchanges):
        if name not in _KINDS:
            raise ValueError(f"unknown exchange {name!a}: WHALE_EXCHANGES may hold binance and coinbase")
        addresses = settings.exchange_address(name, "ws"), settings.exchange_address(name, "rest")
        found.append(_KINDS[name](*addresses, f"{prefix}{name}", source))
    return found


def assign(exchanges: Sequence[Exchange], wanted: Sequence[str]) -> dict[str, list[str]]:
    """Each exchange's symbols, in the order wanted and without repeats; every exchange has an entry.

    Raises ValueError for nonsense, and for a symbol that none of these exchanges takes.
    """
    found: dict[str, list[str]] = {exchange.name: [] for exchange in exchanges}
    for one in wanted:
        spelled = [(exchange.name, exchange.symbol(one)) for exchange in exchanges]
        if not any(symbol for _, symbol in spelled):
            raise ValueError(f"symbol {one!a} belongs to none of the exchanges {', '.join(found)}")
        for name, symbol in spelled:
            if symbol and symbol not in found[name]:
                found[name].append(symbol)
    return found
