"""Topics, the window's length and the kinds of whales: the names that every room shares."""

WINDOW_SECONDS = 60

RAW_TRADES = "raw_crypto_trades"
TRADE_WINDOWS = "trade_windows"
WHALE_ALERTS = "whale_alerts"
DEAD_LETTERS = "trade_dead_letters"
INGEST_GAPS = "ingest_gaps"
STREAM_LOSSES = "stream_losses"

SINGLE_TRADE = "single_trade"
