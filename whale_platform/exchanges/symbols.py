"""How each exchange spells a pair, and what an operator may write instead.

An operator writes a base currency (`BTC`: each exchange's dollar pair), one exchange's own symbol (`BTCUSDT`,
`BTC-USD`: only there), or `exchange:SYMBOL`. Binance joins base and quote without a separator, so its quotes must be
known: a pair with another quote is refused by name instead of being cut in the wrong place.
"""

import re
from functools import lru_cache

_DOLLARS = ("FDUSD", "USDT", "USDC")
_QUOTES = sorted(
    (
        *_DOLLARS,
        *(
            "AEUR",
            "BIDR",
            "BKRW",
            "BUSD",
            "BVND",
            "EURI",
            "GYEN",
            "IDRT",
            "PYUSD",
            "TUSD",
            "USD1",
            "USDP",
            "USDS",
        ),
        *("ARS", "AUD", "BNB", "BRL", "BTC", "COP", "CZK", "DAI", "DOGE", "DOT", "ETH", "EUR", "GBP", "IDR", "JPY"),
        *("MXN", "NGN", "PAX", "PLN", "RON", "RUB", "SOL", "TRX", "TRY", "UAH", "USD", "UST", "VAI", "XRP", "ZAR"),
    ),
    key=lambda quote: (-len(quote), quote),
)
# Those whose last letter and the quote after it make another quote: DOTUSD is no DO in TUSD.
_BASES = frozenset(
    (
        *("ACT", "ADA", "ALT", "ANT", "APT", "ARB", "BAT", "BB", "BNB", "BNT", "CKB", "DENT", "DGB", "DOT", "ENA"),
        *("FET", "GALA", "GMT", "GRT", "HFT", "HNT", "HOT", "IOST", "IOTA", "KAVA", "LPT", "LUNA", "MANA", "MINA"),
        *("MNT", "NOT", "ONT", "OXT", "PHB", "PNUT", "QNT", "SHIB", "SNT", "THETA", "TIA", "TRB", "TWT", "USDT"),
        *("VET", "XAUT"),
    )
)
_WANTED = re.compile(r"[^\W_]{1,20}(?:-[^\W_]{2,10})?")
# `WBTC` and `STETH` are currencies, `REPBTC` is a pair: a pair without a dollar coin in it needs this long a base.
_SURE_BASE = 3


@lru_cache(maxsize=8192)
def split_joined(symbol: str) -> tuple[str, str]:
    """`BTCUSDT` -> (`BTC`, `USDT`), longest known quote first. Raises ValueError for an unknown quote."""
    fits = [quote for quote in _QUOTES if symbol.endswith(quote) and len(symbol) > len(quote)]
    if not fits:
        raise ValueError(f"{symbol!a} ends in no known quote currency")
    found = [(symbol[: -len(quote)], quote) for quote in fits]
    return next((pair for pair in found if pair[0] in _BASES), found[0])


@lru_cache(maxsize=8192)
def split_dashed(symbol: str) -> tuple[str, str]:
    """`BTC-USD` -> (`BTC`, `USD`). Raises ValueError for what is not two names and one dash."""
    base, dash, quote = symbol.partition("-")
    if not (base and dash and quote) or "-" in quote:
        raise ValueError(f"{symbol!a} is not BASE-QUOTE")
    return base, quote


def joined(wanted: str, names: tuple[str, ...]) -> str | None:
    """`wanted` in Binance's spelling, None where it is another exchange's (`names`: this one's). Raises ValueError."""
    symbol, ours = _ours(wanted, names)
    if symbol is None or ("-" in symbol and not ours):
        return None
    if "-" in symbol:
        raise ValueError(f"symbol {wanted!a}: this exchange writes BTCUSDT, not BTC-USDT")
    return symbol if _is_pair(symbol, ours) else f"{symbol}USDT"


def dashed(wanted: str, names: tuple[str, ...]) -> str | None:
    """`wanted` in Coinbase's spelling, None where it is another exchange's (`names`: this one's). Raises ValueError.

    `BTC-USDC` becomes `BTC-USD`: the two products show the same trades; `coinbase:BTC-USDC` insists.
    """
    symbol, ours = _ours(wanted, names)
    if symbol is None:
        return None
    if "-" in symbol:
        return symbol if ours or not symbol.endswith("-USDC") else symbol[:-1]
    if _is_pair(symbol, False):
        if ours:
            raise ValueError(f"symbol {wanted!a}: this exchange writes BTC-USD, not BTCUSD")
        return None
    return f"{symbol}-USD"


def _ours(wanted: str, names: tuple[str, ...]) -> tuple[str | None, bool]:
    exchange, colon, symbol = wanted.strip().rpartition(":")
    if colon and exchange.lower() not in names:
        return None, False
    symbol = symbol.upper()
    if not _WANTED.fullmatch(symbol):
        raise ValueError(f"symbol {wanted!a}: write BTC, BTCUSDT, BTC-USD or binance:BTCUSDT")
    return symbol, bool(colon)


def _is_pair(symbol: str, sure: bool) -> bool:
    if symbol in _QUOTES:
        return False
    try:
        base, quote = split_joined(symbol)
    except ValueError:
        return False
    return sure or quote in _DOLLARS or len(base) >= _SURE_BASE
