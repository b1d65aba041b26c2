"""Messages as the stream and the ingester write them, and the records that carry them."""

import json
from typing import Any

from whale_platform.broker.reader import KafkaRecord
from whale_platform.domain.names import DEAD_LETTERS, INGEST_GAPS, STREAM_LOSSES, TRADE_WINDOWS, WHALE_ALERTS

START_US = 1_723_118_400_000_000  # 2024-08-08 12:00 UTC
STAMP_MS = 1_784_000_000_000

MESSAGES: dict[str, dict[str, Any]] = {
    TRADE_WINDOWS: {
        "v": 1,
        "exchange": "binance",
        "symbol": "BTCUSDT",
        "window_start": START_US,
        "trade_count": 2,
        "open": "61837.630000000000000000",
        "high": "61840.000000000000000000",
        "low": "61830.500000000000000000",
        "close": "61835.000000000000000000",
        "price_sum": "123677.130000000000000000",
        "volume": "3.250000000000000000",
        "notional": "200999.123456789000000000",
        "buy_volume": "2.250000000000000000",
        "first_trade_id": 10,
        "last_trade_id": 11,
        "last_event_time": START_US + 30_000_000,
        "last_received_time": START_US + 30_005_000,
        "source": "replay",
        "base": "BTC",
        "quote": "USDT",
        "usd_via": "peg:USDT",
        "partition": 1,
        "offset": 4_711,
        "run_id": "run-1",
    },
    WHALE_ALERTS: {
        "v": 1,
        "exchange": "binance",
        "symbol": "BTCUSDT",
        "kind": "single_trade",
        "trade_id": 10,
        "side": "buy",
        "price": "61837.630000000000000000",
        "quantity": "2.000000000000000000",
        "notional_usd": "123675.260000000000000000",
        "threshold_usd": "50000.000000000000000000",
        "event_time": START_US,
        "received_time": START_US + 5_000,
        "source": "replay",
        "run_id": "run-1",
        "base": "BTC",
        "quote": "USDT",
        "usd_via": "peg:USDT",
        "partition": 1,
        "offset": 4_711,
    },
    INGEST_GAPS: {
        "v": 1,
        "exchange": "binance",
        "symbol": "BTCUSDT",
        "first_id": 12,
        "last_id": 20,
        "cause": "reconnect",
        "mode": "inline",
        "state": "open",
        "found_time": START_US,
        "closed_time": None,
        "filled": 0,
        "progress_id": None,
        "detail": "",
    },
    STREAM_LOSSES: {
        "v": 1,
        "reader": "windows",
        "topic": "raw_crypto_trades",
        "partition": 1,
        "topic_id": "topic-1",
        "first_offset": 7,
        "last_offset": 9,
        "cause": "expired",
        "detail": "partition 1: offsets 7 to 9 are lost (expired)",
        "found_at": START_US,
    },
    DEAD_LETTERS: {
        "v": 1,
        "exchange": "binance",
        "reason": "not JSON",
        "kind": "unparseable",
        "received_time": START_US,
        "frame": "{",
        "truncated": False,
    },
}


def message(topic: str, **changes: object) -> bytes:
    """The sample message of `topic` with some fields changed."""
    return json.dumps(MESSAGES[topic] | changes, separators=(",", ":")).encode()


def growing(symbol: str, count: int, minute: int = 0) -> bytes:
    """The state of a window after `count` trades at 2 dollars, one unit each."""
    return message(
        TRADE_WINDOWS,
        symbol=symbol,
        window_start=START_US + minute * 60_000_000,
        open="2",
        high="2",
        low="2",
        close="2",
        price_sum=f"{2 * count}.00",
        volume=f"{count}.0",
        notional=f"{2 * count}",
        buy_volume=f"{count}",
        trade_count=count,
        last_trade_id=count,
    )


def record(topic: str, offset: int, value: bytes | None = None, partition: int = 0) -> KafkaRecord:
    """The sample message of `topic`, or `value`, at `offset`."""
    return KafkaRecord(topic, partition, offset, STAMP_MS, b"key", message(topic) if value is None else value)
