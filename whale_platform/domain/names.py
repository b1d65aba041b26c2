"""Topics, the window's length, kinds and tiers of whales: the names that every room shares; and what a symbol is."""

import re

WINDOW_SECONDS = 60

RAW_TRADES = "raw_crypto_trades"
TRADE_WINDOWS = "trade_windows"
WHALE_ALERTS = "whale_alerts"
DEAD_LETTERS = "trade_dead_letters"
INGEST_GAPS = "ingest_gaps"
STREAM_LOSSES = "stream_losses"
STREAM_POSITIONS = "stream_positions"

SINGLE_TRADE = "single_trade"  # one fill
SWEEP = "sweep"  # all fills of one taker order
BLOCK = "block"  # a trade that the exchange itself calls a block
LIQUIDATION = "liquidation"  # a position that the exchange itself has closed, as it tells of it
WHALE_KINDS = (SINGLE_TRADE, SWEEP, BLOCK, LIQUIDATION)
WHALE_TIERS = ("whale", "large", "giant")  # smallest first

MAX_SYMBOL = 40
SYMBOL_PATTERN = rf"^([A-Za-z0-9._:/-]|[^\x00-\xa0]){{1,{MAX_SYMBOL}}}$"
_symbol = re.compile(SYMBOL_PATTERN).fullmatch


def is_symbol(text: str) -> bool:
    """Whether `text` may be a symbol: letters and digits of any script and `._:/-`, as in 币安人生USDT."""
    return _symbol(text) is not None and text.isprintable()
