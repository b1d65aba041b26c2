"""Topic `trade_windows`: one state of a one-minute window, written by the stream and by a recomputation.

The stream writes a window with every trade, so most messages of a backlog are outdone by later ones: `peek_state` finds
a window's identity and count without parsing the rest, which takes twenty times as long. Readers that follow the stream
look at the end of the message, where stream_position.py finds the offset of its newest trade.
"""

import re
from datetime import datetime
from typing import NamedTuple

from whale_platform.contracts.field_reader import MessageFields
from whale_platform.contracts.message_contract import MessageContract, MessageField
from whale_platform.domain.names import TRADE_WINDOWS

VERSION = 1
CONTRACT = MessageContract(
    topic=TRADE_WINDOWS,
    version=VERSION,
    about="Each state of each one-minute window, by the stream: the one with the most trades counts.",
    key="binance:BTCUSDT",
    fields=(
        MessageField("exchange", "name", "the adapter's name; sim_… for generated trades"),
        MessageField("symbol", "name", "as the exchange spells it"),
        MessageField("window_start", "time", "the full minute, by event time"),
        MessageField("trade_count", "integer", "trades so far; it only grows"),
        MessageField("first_trade_id", "integer", "the lowest id"),
        MessageField("last_trade_id", "integer", "the highest id"),
        MessageField("last_event_time", "time", "the latest event time"),
        MessageField("last_received_time", "time", "when the latest frame reached the ingester"),
        MessageField("open", "decimal", "price of the lowest id"),
        MessageField("high", "decimal", "highest price"),
        MessageField("low", "decimal", "lowest price"),
        MessageField("close", "decimal", "price of the highest id"),
        MessageField("price_sum", "decimal", "sum of the prices, for the average price"),
        MessageField("volume", "decimal", "base units"),
        MessageField("notional", "decimal", "quote currency"),
        MessageField("buy_volume", "decimal", "base units bought by takers"),
        MessageField("source", "name", "how its trades reached us"),
        MessageField("base", "name", "base currency", nullable=True, optional=True),
        MessageField("quote", "name", "quote currency", nullable=True, optional=True),
        MessageField("usd_via", "name", "how quote amounts become dollars; null: they do not", True, True),
        MessageField("partition", "integer", "of its newest trade in raw_crypto_trades; null: imported", True, True),
        MessageField("offset", "integer", "of its newest trade, in that partition", True, True),
        MessageField("run_id", "name", "the run of the stream that wrote it"),
    ),
    example={
        "v": VERSION,
        "exchange": "binance",
        "symbol": "BTCUSDT",
        "window_start": 1_723_118_400_000_000,
        "trade_count": 2,
        "first_trade_id": 10,
        "last_trade_id": 11,
        "last_event_time": 1_723_118_430_000_000,
        "last_received_time": 1_723_118_430_005_000,
        "open": "61837.63",
        "high": "61840.000000000000000000",
        "low": "61830.500000000000000000",
        "close": "61835",
        "price_sum": "123677.130000000000000000",
        "volume": "3.250000000000000000",
        "notional": "200999.123456789000000000",
        "buy_volume": "2.250000000000000000",
        "source": "live",
        "base": "BTC",
        "quote": "USDT",
        "usd_via": "peg:USDT",
        "partition": 1,
        "offset": 4_711,
        "run_id": "run-1",
    },
)
_head = re.compile(
    rb'(\{"v":%d,"exchange":"[^"\\]*","symbol":"[^"\\]*","window_start":[0-9]{1,18}),"trade_count":([0-9]{1,18}),'
    % VERSION
).match


class WindowRow(NamedTuple):
    """One state of a one-minute window as it is stored: the fields are columns, see the comments on the table.

    Decimals are strings without trailing zeros, which go to `numeric` columns untouched; times are aware, UTC.
    """

    exchange: str
    symbol: str
    window_start: datetime
    open: str
    high: str
    low: str
    close: str
    price_sum: str
    volume: str
    notional: str
    buy_volume: str
    trade_count: int
    first_trade_id: int
    last_trade_id: int
    last_event_time: datetime
    source: str
    run_id: str
    updated_at: datetime
    made_from: str = "stream"
    topic_partition: int | None = None
    topic_offset: int | None = None
    base: str | None = None
    quote: str | None = None
    usd_via: str | None = None

    @property
    def key(self) -> tuple[str, str, datetime]:
        """Return the primary key."""
        return self[:3]


def decode_window(value: bytes | None, timestamp_ms: int) -> WindowRow:
    """Decode one message; `timestamp_ms`: its Kafka timestamp. Raises MessageFormatError."""
    m = MessageFields(value, timestamp_ms, VERSION)
    return WindowRow(
        exchange=m.read_name("exchange"),
        symbol=m.read_name("symbol"),
        window_start=m.read_time("window_start"),
        open=m.read_decimal("open"),
        high=m.read_decimal("high"),
        low=m.read_decimal("low"),
        close=m.read_decimal("close"),
        price_sum=m.read_decimal("price_sum"),
        volume=m.read_decimal("volume"),
        notional=m.read_decimal("notional"),
        buy_volume=m.read_decimal("buy_volume"),
        trade_count=m.read_integer("trade_count"),
        first_trade_id=m.read_integer("first_trade_id"),
        last_trade_id=m.read_integer("last_trade_id"),
        last_event_time=m.read_time("last_event_time"),
        source=m.read_name("source"),
        run_id=m.read_name("run_id"),
        updated_at=m.stamp,
        topic_partition=m.read_integer_or_none("partition"),
        topic_offset=m.read_integer_or_none("offset"),
        base=m.read_name_or_none("base"),
        quote=m.read_name_or_none("quote"),
        usd_via=m.read_name_or_none("usd_via"),
    )


def peek_state(value: bytes) -> tuple[bytes, int] | None:
    """Return what identifies the window, to be compared only, and its trade count; None: it has to be decoded."""
    head = _head(value)
    return None if head is None else (head[1], int(head[2]))
