"""How an operator names what is wanted, and what is known of a symbol's currencies.

An operator writes a base currency (`BTC`: each exchange's dollar pair), two currencies (`BTC/EUR`: that pair on each
exchange that has it), an exchange's own symbol (`BTCUSDT`, `BTC-USD`: on each exchange that spells it so), or
`exchange:` before any of them.
Which is meant, and where a joined symbol ends its base, only the exchange's list can say (`catalogue.py`).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from whale_platform.domain.catalogue import TETHER, SymbolCatalogue, find_currencies, is_tether_pair

_WANTED = re.compile(r"[^\W_]{1,20}(?:[-/][^\W_]{1,10})?")


@dataclass(frozen=True, slots=True)
class RequestedSymbol:
    """`text` in capitals, without the exchange before it; `ours`: whether this exchange was named."""

    text: str
    ours: bool

    @property
    def currencies(self) -> tuple[str, str] | None:
        """Base and quote where they were given as `BASE/QUOTE`."""
        base, slash, quote = self.text.partition("/")
        return (base, quote) if slash else None


def accepted_names(name: str) -> tuple[str, str]:
    """The names by which an operator may mean the adapter `name`: a simulated one answers to the real one's too."""
    return name.removeprefix("sim_"), name


def parse_request(name: str, names: tuple[str, ...] = ()) -> RequestedSymbol | None:
    """What an operator wrote; None where it names an exchange that is none of `names`. Raises ValueError."""
    exchange, colon, symbol = name.strip().rpartition(":")
    if colon and exchange.lower() not in names:
        return None
    symbol = symbol.upper()
    if not _WANTED.fullmatch(symbol):
        raise ValueError(f"symbol {name!a}: write BTC, BTC/EUR, BTCUSDT, BTC-USD or binance:BTCUSDT")
    return RequestedSymbol(symbol, bool(colon))


def find_joined_symbol(name: str, exchange: str, listed: SymbolCatalogue) -> str | None:
    """The symbol that the adapter `exchange` is asked for, where its symbols are joined: `BTC` -> `BTCUSDT`.

    A name that is in the list is that symbol. None where `name` is another exchange's. Raises ValueError for nonsense.
    """
    asked = parse_request(name, accepted_names(exchange))
    if asked is None or ("-" in asked.text and not asked.ours):
        return None
    if "-" in asked.text:
        raise ValueError(f"symbol {name!a}: this exchange writes BTCUSDT, not BTC-USDT")
    if (given := asked.currencies) is None:
        if listed.get(asked.text) is not None:
            return asked.text
        given = asked.text, TETHER
    found = listed.find(*given)
    if found is not None:
        return found.symbol
    return asked.text if is_tether_pair(asked.text) else "".join(given)


def explain_unreadable(symbol: str, listed: SymbolCatalogue) -> str | None:
    """Why the currencies of a joined symbol are not known, for a person; None where they are."""
    try:
        find_currencies(listed, symbol)
    except ValueError as unknown:
        return str(unknown)
    return None


def build_splitter(listed: SymbolCatalogue, quotes: Sequence[str]) -> Callable[[str], tuple[str, str]]:
    """What gives a joined symbol's base and quote: `quotes` (`BTC/USDT`, …) first, then the exchange's list.

    Raises ValueError for what is given in another form; what it returns raises it for an unknown symbol.
    """
    pairs: dict[str, tuple[str, str]] = {}
    for one in quotes:
        asked = parse_request(one)
        if asked is None or asked.currencies is None:
            raise ValueError(f"pair {one!a}: write BASE/QUOTE, such as BTC/USDT")
        pairs["".join(asked.currencies)] = asked.currencies

    def split(symbol: str) -> tuple[str, str]:
        if symbol in pairs:
            return pairs[symbol]
        try:
            return find_currencies(listed, symbol)
        except ValueError as unknown:
            raise ValueError(
                f"{unknown}: give them as a pair (--pair BASE/QUOTE, in Dagster `pairs`), or let the ingester run on "
                "this home once, which reads the list"
            ) from None

    return split
