"""What an exchange lists: base, quote and status of each symbol, in its own words; nobody cuts a name to learn them.

A `SymbolCatalogue` lives in its adapter and is filled from the exchange's REST side
(`ingest/connections/symbol_lister.py`) or from the copy in the home, so a start without that REST side knows what the
last one knew. A pair that the exchange stops listing stays known, as not trading: its old dumps can still be read. A
copy that can't be read counts as none.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whale_platform.domain.names import MAX_SYMBOL, is_symbol

VERSION = 1
UNLISTED = "not listed any more"
ENDED_STATUSES = (UNLISTED, "delisted")
TETHER = "USDT"


@dataclass(frozen=True, slots=True)
class ListedPair:
    """One symbol. `status`: the exchange's word; `trading`: whether it trades now."""

    symbol: str
    base: str
    quote: str
    status: str
    trading: bool


class SymbolCatalogue:
    """One exchange's pairs, readable from any thread. `read_at`: epoch seconds of the exchange's last whole list."""

    def __init__(self, pairs: Iterable[ListedPair] = (), read_at: float | None = None) -> None:
        self.read_at = read_at
        self._pairs = {pair.symbol: pair for pair in pairs}
        self._symbols = _index_by_currencies(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def get(self, symbol: str) -> ListedPair | None:
        """What is known of a symbol, as the exchange spells it."""
        return self._pairs.get(symbol)

    def find(self, base: str, quote: str) -> ListedPair | None:
        """The symbol of these two currencies; of several one that trades."""
        symbol = self._symbols.get((base, quote))
        return None if symbol is None else self._pairs.get(symbol)

    def replace_all(self, pairs: Iterable[ListedPair], read_at: float) -> None:
        """Take in the exchange's whole list, read at `read_at`."""
        fresh = {pair.symbol: pair for pair in pairs}
        gone = [one for symbol, one in self._pairs.items() if symbol not in fresh]
        self._set_pairs(
            fresh | {one.symbol: ListedPair(one.symbol, one.base, one.quote, UNLISTED, False) for one in gone}
        )
        self.read_at = read_at

    def add(self, pair: ListedPair) -> None:
        """Take in one symbol that was asked for alone."""
        self._set_pairs(self._pairs | {pair.symbol: pair})

    def explain_refusal(self, symbol: str) -> str | None:
        """Why `symbol` can't be had, for a person; None where it trades, or nothing is known yet."""
        pair = self._pairs.get(symbol)
        if pair is None:
            return "the exchange does not list it" if self.read_at is not None else None
        return None if pair.trading else f"it does not trade: its status is {pair.status}"

    def is_halted(self, symbol: str) -> bool:
        """Whether `symbol` is listed and does not trade now, but may go on any moment."""
        pair = self._pairs.get(symbol)
        return pair is not None and not pair.trading and pair.status not in ENDED_STATUSES

    def to_json(self) -> dict[str, Any]:
        """As JSON values, for the copy at `catalogue_path`."""
        pairs = {one.symbol: [one.base, one.quote, one.status, one.trading] for one in self._pairs.values()}
        return {"v": VERSION, "read_at": self.read_at, "pairs": pairs}

    def _set_pairs(self, pairs: dict[str, ListedPair]) -> None:
        self._pairs, self._symbols = pairs, _index_by_currencies(pairs)


def _index_by_currencies(pairs: dict[str, ListedPair]) -> dict[tuple[str, str], str]:
    return {(one.base, one.quote): one.symbol for one in sorted(pairs.values(), key=lambda one: one.trading)}


def split_dashed(symbol: str) -> tuple[str, str]:
    """`BTC-USD` -> (`BTC`, `USD`). Raises ValueError for what is not two names and one dash."""
    base, dash, quote = symbol.partition("-")
    if not (base and dash and quote) or "-" in quote:
        raise ValueError(f"{symbol!a} is not BASE-QUOTE")
    return base, quote


def is_tether_pair(symbol: str) -> bool:
    """Whether a joined symbol is one in USDT, which no other currency's name ends with."""
    return symbol.endswith(TETHER) and len(symbol) > len(TETHER)


def find_currencies(listed: SymbolCatalogue, symbol: str) -> tuple[str, str]:
    """Base and quote of a joined symbol, by the exchange's list. Raises ValueError where they are not known."""
    if (pair := listed.get(symbol)) is not None:
        return pair.base, pair.quote
    if is_tether_pair(symbol):
        return symbol.removesuffix(TETHER), TETHER
    raise ValueError(f"{symbol!a} is not in the exchange's list of symbols, so its base and quote are not known")


def build_pair(symbol: object, base: object, quote: object, status: object, trading: bool) -> ListedPair | None:
    """The pair of these values as an exchange sent them; None where one of them is no name."""
    names = [one for one in (symbol, base, quote) if type(one) is str and is_symbol(one)]
    if len(names) < 3 or type(status) is not str or not (status.isprintable() and len(status) <= MAX_SYMBOL):
        return None
    return ListedPair(names[0], names[1], names[2], status, trading)


def catalogue_path(home: Path, exchange: str) -> Path:
    """Where the copy of an exchange's list is kept."""
    return home / f"symbols-{exchange}.json"


def load_catalogue(home: Path, exchange: str) -> SymbolCatalogue:
    """The copy that is kept; an empty catalogue where there is none that can be read."""
    try:
        found = json.loads(catalogue_path(home, exchange).read_text())
        if found["v"] != VERSION:
            return SymbolCatalogue()
        rows = found["pairs"].items()
        pairs = [ListedPair(symbol, str(row[0]), str(row[1]), str(row[2]), bool(row[3])) for symbol, row in rows]
        return SymbolCatalogue(pairs, None if found["read_at"] is None else float(found["read_at"]))
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return SymbolCatalogue()
