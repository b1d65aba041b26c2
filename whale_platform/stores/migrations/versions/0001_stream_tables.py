"""The stream's tables: windows, whales, gaps, thresholds, and the sink's own books.

`trade_windows` grows by 1,440 rows a day and symbol and is partitioned by the day of `window_start`, which is part of
its key; retention drops days. `whale_alerts` is not partitioned, on purpose: Postgres wants the partition column in
every unique key, and with `event_time` in it the same trade could be stored twice under two times. Whales are rare
(some thousands a day), so retention may delete them by the index on `event_time`. The rest stays small by its key.

`numeric` has no declared scale: an exchange's digits are stored as they came. `average_price` and `vwap` are divided
with 60 decimals before they are rounded to 18, because plain numeric division stops at 16 significant digits.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE trade_windows (
    exchange text NOT NULL,
    symbol text NOT NULL,
    window_start timestamptz NOT NULL CHECK (mod(extract(epoch FROM window_start), 60) = 0),
    open numeric NOT NULL,
    high numeric NOT NULL,
    low numeric NOT NULL CHECK (low > 0),
    close numeric NOT NULL,
    average_price numeric GENERATED ALWAYS AS (trim_scale(round(price_sum::numeric(100, 60) / trade_count, 18))) STORED,
    vwap numeric GENERATED ALWAYS AS (trim_scale(round(notional::numeric(100, 60) / volume, 18))) STORED,
    volume numeric NOT NULL CHECK (volume > 0),
    notional numeric NOT NULL CHECK (notional > 0),
    buy_volume numeric NOT NULL CHECK (buy_volume >= 0),
    sell_volume numeric GENERATED ALWAYS AS (trim_scale(volume - buy_volume)) STORED,
    trade_count bigint NOT NULL CHECK (trade_count > 0),
    first_trade_id bigint NOT NULL,
    last_trade_id bigint NOT NULL,
    price_sum numeric NOT NULL CHECK (price_sum > 0),
    last_event_time timestamptz NOT NULL,
    source text NOT NULL,
    run_id text NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (exchange, symbol, window_start),
    CONSTRAINT trade_windows_high_is_highest CHECK (high >= greatest(open, low, close)),
    CONSTRAINT trade_windows_low_is_lowest CHECK (low <= least(open, close)),
    CONSTRAINT trade_windows_buys_within_volume CHECK (buy_volume <= volume)
) PARTITION BY RANGE (window_start);
CREATE INDEX trade_windows_newest ON trade_windows (window_start);

CREATE TABLE whale_alerts (
    exchange text NOT NULL,
    symbol text NOT NULL,
    kind text NOT NULL,
    trade_id bigint NOT NULL,
    side text NOT NULL CHECK (side IN ('buy', 'sell')),
    price numeric NOT NULL CHECK (price > 0),
    quantity numeric NOT NULL CHECK (quantity > 0),
    notional_usd numeric NOT NULL CHECK (notional_usd > 0),
    threshold_usd numeric NOT NULL CHECK (threshold_usd > 0),
    event_time timestamptz NOT NULL,
    received_time timestamptz NOT NULL,
    detected_time timestamptz NOT NULL,
    source text NOT NULL,
    run_id text NOT NULL,
    PRIMARY KEY (exchange, symbol, kind, trade_id)
);
CREATE INDEX whale_alerts_newest ON whale_alerts (event_time);

CREATE TABLE ingest_gaps (
    exchange text NOT NULL,
    symbol text NOT NULL,
    first_id bigint NOT NULL,
    last_id bigint NOT NULL,
    cause text NOT NULL,
    mode text NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'repaired', 'exchange_gap', 'unrepaired')),
    found_time timestamptz NOT NULL,
    closed_time timestamptz,
    filled bigint NOT NULL CHECK (filled >= 0),
    progress_id bigint,
    detail text NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (exchange, symbol, first_id),
    CONSTRAINT ingest_gaps_range CHECK (last_id >= first_id)
);
CREATE INDEX ingest_gaps_open ON ingest_gaps (found_time) WHERE state = 'open';

CREATE TABLE dead_letter_counts (
    exchange text NOT NULL,
    kind text NOT NULL,
    day date NOT NULL,
    letters bigint NOT NULL CHECK (letters > 0),
    first_time timestamptz NOT NULL,
    last_time timestamptz NOT NULL,
    last_reason text NOT NULL,
    last_offset bigint NOT NULL,
    PRIMARY KEY (exchange, kind, day)
);

CREATE TABLE whale_thresholds (
    exchange text NOT NULL,
    symbol text NOT NULL,
    threshold_usd numeric NOT NULL CHECK (threshold_usd > 0 AND threshold_usd < 'Infinity'),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (exchange, symbol)
);

CREATE TABLE sink_offsets (
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL CHECK (next_offset >= 0),
    topic_id text NOT NULL,
    cluster_id text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50);

CREATE TABLE sink_rejects (
    topic text NOT NULL,
    partition integer NOT NULL,
    reason text NOT NULL,
    messages bigint NOT NULL CHECK (messages > 0),
    first_offset bigint NOT NULL,
    last_offset bigint NOT NULL,
    first_seen timestamptz NOT NULL DEFAULT now(),
    last_seen timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, reason)
);

CREATE TABLE stream_losses (
    topic text NOT NULL,
    partition integer NOT NULL,
    topic_id text NOT NULL,
    first_offset bigint NOT NULL,
    last_offset bigint NOT NULL,
    cause text NOT NULL CHECK (cause IN ('expired', 'truncated')),
    found_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, topic_id, first_offset)
);
"""

COMMENTS = {
    "trade_windows": {
        "": "1-minute tumbling windows of trades by event time (UTC), from topic trade_windows; a row grows until its "
        "minute is over and late trades have come",
        "exchange": "adapter name; sim_… for generated trades",
        "symbol": "as the exchange spells it",
        "window_start": "first instant of the minute; the window ends 60 s later, exclusive",
        "open": "price of the first trade; quote currency for one base unit",
        "high": "highest price",
        "low": "lowest price",
        "close": "price of the last trade",
        "average_price": "price_sum / trade_count, each trade counted alike, rounded to 18 decimals",
        "vwap": "notional / volume, rounded to 18 decimals",
        "volume": "sum of quantities, base units",
        "notional": "sum of price x quantity, quote currency",
        "buy_volume": "volume of trades whose taker bought, base units",
        "sell_volume": "volume of trades whose taker sold, base units",
        "trade_count": "number of trades",
        "first_trade_id": "the exchange's id of the first trade",
        "last_trade_id": "the exchange's id of the last trade",
        "price_sum": "sum of prices, quote currency",
        "last_event_time": "exchange's time of the newest trade in it",
        "source": "how its trades reached us: live, repair, import, replay, simulated",
        "run_id": "stream process and code version that computed this state",
        "updated_at": "when the stream emitted this state (Kafka timestamp)",
    },
    "whale_alerts": {
        "": "trades over the USD threshold of their symbol, from topic whale_alerts; the first detection stays",
        "kind": "single_trade: one fill over the threshold",
        "trade_id": "the exchange's id of the trade",
        "side": "the taker's side",
        "price": "quote currency for one base unit",
        "quantity": "base units",
        "notional_usd": "price x quantity in US dollars",
        "threshold_usd": "the threshold that applied, US dollars",
        "event_time": "exchange's trade time",
        "received_time": "when the frame reached us",
        "detected_time": "when the stream emitted the alert (Kafka timestamp)",
        "source": "how the trade reached us: live, repair, import, replay, simulated",
        "run_id": "stream process and code version that detected it",
    },
    "ingest_gaps": {
        "": "holes in an exchange's trade ids, from topic ingest_gaps; first_id to last_id, both missing when found",
        "cause": "restart, reconnect or stream",
        "mode": "inline: filled in its place before later trades; background: filled afterwards",
        "state": "open, repaired, exchange_gap (the exchange itself has no such ids), unrepaired (given up)",
        "filled": "trades fetched so far",
        "progress_id": "last id fetched so far",
        "updated_at": "when the ingester said so (Kafka timestamp)",
    },
    "dead_letter_counts": {
        "": "messages in topic trade_dead_letters by exchange, kind and day (UTC); the frames stay in Kafka",
        "kind": "unparseable or quarantined",
        "last_offset": "newest one's offset in partition 0 of the topic",
    },
    "whale_thresholds": {
        "": "US dollars from which a trade is a whale; * means any; the most specific row applies: (exchange, symbol), "
        "(*, symbol), (exchange, *), (*, *). Changes apply within seconds",
    },
    "sink_offsets": {
        "": "the sink's place in each partition, moved in the transaction that writes the rows",
        "next_offset": "first offset not yet stored",
        "topic_id": "changes when the topic is recreated",
    },
    "sink_rejects": {"": "messages that the sink could not store, counted by reason"},
    "stream_losses": {
        "": "offset ranges that left Kafka before the sink had read them, both ends lost",
        "cause": "expired: retention passed the sink; truncated: the broker lost the end of its log",
    },
}


def upgrade() -> None:
    """Create all tables of the stream."""
    op.execute(TABLES)
    for table, comments in COMMENTS.items():
        for column, comment in comments.items():
            what = f"COLUMN {table}.{column}" if column else f"TABLE {table}"
            op.execute(f"COMMENT ON {what} IS '{comment.replace(chr(39), chr(39) * 2)}'")
