"""Rows to start from; tests change the field they are about."""

from datetime import UTC, datetime

from whale_platform.contracts.ingest_gap import GapRow
from whale_platform.contracts.trade_window import WindowRow
from whale_platform.contracts.whale_alert import WhaleRow
from whale_platform.domain.names import TRADE_WINDOWS
from whale_platform.stores.stream_tables.rows import MessageRef, SinkBatch

START = datetime(2024, 8, 8, 12, 0, tzinfo=UTC)

WINDOW = WindowRow(
    exchange="binance",
    symbol="BTCUSDT",
    window_start=START,
    open="61837.63",
    high="61840",
    low="61830.5",
    close="61835",
    price_sum="123677.13",
    volume="3.25",
    notional="200999.123456789",
    buy_volume="2.25",
    trade_count=2,
    first_trade_id=10,
    last_trade_id=11,
    last_event_time=START.replace(second=30),
    source="live",
    run_id="run-1",
    updated_at=START.replace(second=31),
)

WHALE = WhaleRow(
    exchange="binance",
    symbol="BTCUSDT",
    kind="single_trade",
    trade_id=10,
    side="buy",
    price="61837.63",
    quantity="2",
    notional_usd="123675.26",
    threshold_usd="50000",
    event_time=START,
    received_time=START.replace(microsecond=5000),
    detected_time=START.replace(microsecond=9000),
    source="live",
    run_id="run-1",
)

SWEEP = WHALE._replace(
    kind="sweep",
    trade_id=10,
    price="101",
    quantity="600",
    notional_usd="60200",
    notional="60200",
    fills=3,
    levels=2,
    first_price="100",
    last_trade_id=12,
)

GAP = GapRow(
    exchange="binance",
    symbol="BTCUSDT",
    first_id=12,
    last_id=20,
    cause="reconnect",
    mode="inline",
    state="open",
    found_time=START,
    closed_time=None,
    filled=0,
    progress_id=None,
    detail="",
    updated_at=START,
)


def batch_of(*windows: WindowRow, expected: int = 0) -> SinkBatch:
    """A batch of these windows, as if they were the messages from offset `expected` on of partition 0."""
    batch = SinkBatch(offset_moves={(TRADE_WINDOWS, 0): (expected, expected + len(windows))})
    for number, row in enumerate(windows):
        batch.windows[row.key] = (row, MessageRef(TRADE_WINDOWS, 0, expected + number))
    return batch
