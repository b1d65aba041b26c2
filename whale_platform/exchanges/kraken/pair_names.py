"""Kraken's two spellings of a pair: `BTC/USD` on the socket, `XBTUSD` in REST, which has older names of two coins."""

_OLDER = {"BTC": "XBT", "DOGE": "XDG"}
_NEWER = {older: newer for newer, older in _OLDER.items()}


def split_symbol(symbol: str) -> tuple[str, str]:
    """`BTC/USD` -> (`BTC`, `USD`). Raises ValueError for what is not two names and one slash."""
    base, _, quote = symbol.partition("/")
    if not (base and quote) or "/" in quote:
        raise ValueError(f"{symbol!a} is not BASE/QUOTE")
    return base, quote


def join_rest_name(symbol: str) -> str:
    """`BTC/USD` -> `XBTUSD`; what is no pair stays as it is, for the exchange to refuse."""
    return "".join(_OLDER.get(currency, currency) for currency in symbol.split("/"))


def read_rest_name(base: str, quote: str) -> str:
    """(`XBT`, `USD`) -> `BTC/USD`; newer names are taken too."""
    return f"{_NEWER.get(base, base)}/{_NEWER.get(quote, quote)}"
