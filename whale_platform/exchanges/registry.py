"""Which exchanges there are, built from settings; a wrong name or symbol fails at start with what to write instead."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from whale_platform.domain import catalogue
from whale_platform.domain.catalogue import SymbolCatalogue
from whale_platform.domain.trade import Source
from whale_platform.exchanges.base import Exchange
from whale_platform.exchanges.binance.adapter import Binance
from whale_platform.exchanges.coinbase.adapter import Coinbase
from whale_platform.settings import Settings, SourceKind

_MARKS: dict[SourceKind, tuple[str, Source]] = {
    "live": ("", "live"),
    "simulator": ("sim_", "simulated"),
    "replay": ("", "replay"),
}
_KINDS: dict[str, Callable[[str, str, str, Source], Binance | Coinbase]] = {"binance": Binance, "coinbase": Coinbase}


def build_adapters(settings: Settings, listed: Callable[[str], SymbolCatalogue] | None = None) -> list[Exchange]:
    """The adapters of `settings.exchanges`, in that order. Raises ValueError for an unknown name.

    `listed(name)` gives what an exchange lists; by default it is the copy that the home keeps.
    """
    prefix, source = _MARKS[settings.source]
    listed = listed or partial(catalogue.load_catalogue, settings.home)
    found: list[Exchange] = []
    for kind in dict.fromkeys(settings.exchanges):
        if kind not in _KINDS:
            raise ValueError(f"unknown exchange {kind!a}: WHALE_EXCHANGES may hold binance and coinbase")
        name, addresses = f"{prefix}{kind}", [settings.exchange_address(kind, way) for way in ("ws", "rest")]
        found.append(replace(_KINDS[kind](addresses[0], addresses[1], name, source), listed=listed(name)))
    return found


def assign_symbols(exchanges: Sequence[Exchange], wanted: Sequence[str]) -> dict[str, list[str]]:
    """Each exchange's symbols, in the order wanted and without repeats; every exchange has an entry.

    A symbol that no exchange lists is still assigned: it may be listed one day. Raises ValueError for nonsense, and for
    a symbol that none of these exchanges takes.
    """
    found: dict[str, list[str]] = {exchange.name: [] for exchange in exchanges}
    for one in wanted:
        spelled = [(exchange, symbol) for exchange in exchanges if (symbol := exchange.symbol(one)) is not None]
        if not spelled:
            raise ValueError(f"symbol {one!a} belongs to none of the exchanges {', '.join(found)}")
        for exchange, symbol in _meant(spelled, one):
            if symbol not in found[exchange.name]:
                found[exchange.name].append(symbol)
    return found


def _meant(spelled: list[tuple[Exchange, str]], wanted: str) -> list[tuple[Exchange, str]]:
    """Those of `spelled` that were meant: of an exchange's own symbol, or of two currencies, not what isn't there."""
    text = wanted.strip().rpartition(":")[2].upper()
    listed = [(exchange, symbol) for exchange, symbol in spelled if exchange.listed.get(symbol) is not None]
    own = [(exchange, symbol) for exchange, symbol in spelled if symbol == text]
    if own:
        return [one for one in spelled if one in own or one in listed]
    return listed if listed and "/" in text else spelled
