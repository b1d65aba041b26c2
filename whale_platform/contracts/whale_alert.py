"""Topic `whale_alerts`: one whale, written by the stream and by a recomputation."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from whale_platform.contracts.field_reader import MessageFields
from whale_platform.contracts.message_contract import MessageContract, MessageField
from whale_platform.domain.names import BLOCK, LIQUIDATION, SINGLE_TRADE, SWEEP, WHALE_ALERTS
from whale_platform.domain.whale import build_tier_limits, find_tier

VERSION = 1
CONTRACT = MessageContract(
    topic=WHALE_ALERTS,
    version=VERSION,
    about="Each whale, by the stream; it may come again, and is the same then. A sweep comes at the fill by which it "
    "is a whale, and again with each later fill: the one with the most fills is the last.",
    key="binance:BTCUSDT",
    fields=(
        MessageField("exchange", "name", "the adapter's name; sim_… for generated trades"),
        MessageField("symbol", "name", "as the exchange spells it"),
        MessageField(
            "kind",
            "name",
            f"{SINGLE_TRADE}: one trade over the threshold; {SWEEP}: the fills of one taker order "
            f"together; {BLOCK}: a trade that the exchange calls a block; {LIQUIDATION}: a position that "
            "the exchange has closed, at the bankruptcy price and with the side of the closing order",
        ),
        MessageField("trade_id", "integer", "the exchange's id; of a sweep that of its first fill"),
        MessageField("side", "name", "the taker's side: buy or sell"),
        MessageField("price", "decimal", "quote currency for one base unit; of a sweep that of its newest fill"),
        MessageField("quantity", "decimal", "base units; of a sweep all of its fills"),
        MessageField("notional_usd", "decimal", "US dollars"),
        MessageField("threshold_usd", "decimal", "the threshold that held at the trade's time"),
        MessageField("event_time", "time", "the exchange's trade time"),
        MessageField("received_time", "time", "when the frame reached the ingester"),
        MessageField("source", "name", "how the trade reached us"),
        MessageField("run_id", "name", "the run of the stream that wrote it"),
        MessageField("base", "name", "base currency", nullable=True, optional=True),
        MessageField("quote", "name", "quote currency", nullable=True, optional=True),
        MessageField("usd_via", "name", "how quote amounts become dollars", nullable=True, optional=True),
        MessageField("partition", "integer", "of the trade in raw_crypto_trades; absent: imported", True, True),
        MessageField("offset", "integer", "of the trade, in that partition", nullable=True, optional=True),
        MessageField("notional", "decimal", "quote currency", nullable=True, optional=True),
        MessageField("usd_rate", "decimal", "US dollars for a unit of the quote currency", True, True),
        MessageField("fills", "integer", "of a sweep: how many so far", nullable=True, optional=True),
        MessageField("levels", "integer", "of a sweep: its prices so far", nullable=True, optional=True),
        MessageField("first_price", "decimal", "of a sweep: that of its first fill", nullable=True, optional=True),
        MessageField("last_trade_id", "integer", "of a sweep: its newest fill", nullable=True, optional=True),
        MessageField("tier", "name", "whale, large or giant, by the amounts that held at the trade's time", True, True),
        MessageField(
            "sweep_first_id",
            "integer",
            "of a single trade that continues its order: the first trade id of that order, by which the order's sweep "
            "is known; absent where it is the first fill itself",
            nullable=True,
            optional=True,
        ),
    ),
    example={
        "v": VERSION,
        "exchange": "binance",
        "symbol": "BTCUSDT",
        "kind": SINGLE_TRADE,
        "trade_id": 10,
        "side": "buy",
        "price": "61837.630000000000000000",
        "quantity": "2.000000000000000000",
        "notional_usd": "123675.260000000000000000",
        "threshold_usd": "50000.000000000000000000",
        "event_time": 1_723_118_400_000_000,
        "received_time": 1_723_118_400_005_000,
        "source": "live",
        "run_id": "run-1",
        "base": "BTC",
        "quote": "USDT",
        "usd_via": "peg:USDT",
        "partition": 1,
        "offset": 4_711,
        "tier": "whale",
    },
)


class WhaleRow(NamedTuple):
    """One whale as it is stored: the fields are columns, see the comments on table `whale_alerts`.

    Decimals are strings without trailing zeros, which go to `numeric` columns untouched; times are aware, UTC.
    """

    exchange: str
    symbol: str
    kind: str
    trade_id: int
    side: str
    price: str
    quantity: str
    notional_usd: str
    threshold_usd: str
    tier: str
    event_time: datetime
    received_time: datetime
    detected_time: datetime
    source: str
    run_id: str
    made_from: str = "stream"
    topic_partition: int | None = None
    topic_offset: int | None = None
    base: str | None = None
    quote: str | None = None
    usd_via: str | None = None
    notional: str | None = None
    usd_rate: str | None = None
    fills: int | None = None
    levels: int | None = None
    first_price: str | None = None
    last_trade_id: int | None = None
    sweep_first_id: int | None = None

    @property
    def key(self) -> tuple[str, str, str, int]:
        """Return the primary key."""
        return self[:4]


def decode_whale(value: bytes | None, timestamp_ms: int) -> WhaleRow:
    """Decode one message; `timestamp_ms`: its Kafka timestamp. Raises MessageFormatError.

    One without a tier is of a time when no other amounts than the default ones could hold.
    """
    m = MessageFields(value, timestamp_ms, VERSION)
    notional_usd, threshold = m.read_decimal("notional_usd"), m.read_decimal("threshold_usd")
    return WhaleRow(
        exchange=m.read_name("exchange"),
        symbol=m.read_name("symbol"),
        kind=m.read_name("kind"),
        trade_id=m.read_integer("trade_id"),
        side=m.read_name("side"),
        price=m.read_decimal("price"),
        quantity=m.read_decimal("quantity"),
        notional_usd=notional_usd,
        threshold_usd=threshold,
        tier=m.read_name_or_none("tier") or find_tier(build_tier_limits(Decimal(threshold)), Decimal(notional_usd)),
        event_time=m.read_time("event_time"),
        received_time=m.read_time("received_time"),
        detected_time=m.stamp,
        source=m.read_name("source"),
        run_id=m.read_name("run_id"),
        topic_partition=m.read_integer_or_none("partition"),
        topic_offset=m.read_integer_or_none("offset"),
        base=m.read_name_or_none("base"),
        quote=m.read_name_or_none("quote"),
        usd_via=m.read_name_or_none("usd_via"),
        notional=m.read_decimal_or_none("notional"),
        usd_rate=m.read_decimal_or_none("usd_rate"),
        fills=m.read_integer_or_none("fills"),
        levels=m.read_integer_or_none("levels"),
        first_price=m.read_decimal_or_none("first_price"),
        last_trade_id=m.read_integer_or_none("last_trade_id"),
        sweep_first_id=m.read_integer_or_none("sweep_first_id"),
    )
