"""The one definition of window and whale, as DataFrame transforms, for every mode and path.

Each takes and returns a DataFrame and starts nothing. `parse_trades` reads schema version 1 of `raw_crypto_trades`;
what does not fit it is not `good` and is routed to the dead letters by `compute_alerts`, never dropped unseen.

Sums stay exact: prices, quantities and notionals are decimal(38,18), the widest Spark has, and the ingester
quarantines what would not fit (domain/plausibility.py). Spark multiplies nothing: notional arrives computed. Wide
decimals are what a trade costs most here, so what is only passed on stays the text it came as.
"""

from collections.abc import Sequence
from functools import reduce
from operator import and_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from whale_platform.broker.naming import add_prefix
from whale_platform.domain.names import (
    DEAD_LETTERS,
    SINGLE_TRADE,
    STREAM_POSITIONS,
    WHALE_ALERTS,
    WINDOW_SECONDS,
)
from whale_platform.domain.raw_trade import VERSION
from whale_platform.domain.trade import PEGGED

DECIMAL = "decimal(38,18)"
THRESHOLDS_TYPE = f"array<struct<since:bigint,limits:map<string,{DECIMAL}>>>"  # threshold_file.ThresholdCopy
RAW_SCHEMA = (
    "v int, exchange string, symbol string, trade_id bigint, side string, source string, event_time bigint, "
    "received_time bigint, price string, quantity string, notional string, base string, quote string, usd_via string"
)

POSITION_EVERY = 20  # offsets

OFFSET_COLUMNS = ("topic_partition", "topic_offset")


def add_offsets(kafka: DataFrame) -> DataFrame:
    """Add OFFSET_COLUMNS to Kafka rows, since `offset` and `partition` are words of SQL and of the messages."""
    return kafka.withColumns(dict(zip(OFFSET_COLUMNS, (F.col("partition"), F.col("offset")), strict=True)))


def parse_trades(kafka: DataFrame, more_fields: str = "", kept: Sequence[str] = ()) -> DataFrame:
    """Kafka rows (key, value, …) -> one row a message, with its raw `value` for dead letters.

    `more_fields` adds to RAW_SCHEMA, `kept` names Kafka columns to keep. Columns: those of RAW_SCHEMA as they came,
    `price_exact`, `quantity_exact`, `notional_exact`, `ts` (event time) and `good` (a trade of version 1, complete,
    with numbers to compute with). Escapes are not part of the schema: without a backslash no name can hold a quote, and
    `compute_windows` may write it out as it came. The JSON is parsed in a generator, which the optimizer leaves alone:
    as a plain column it was pushed into every filter and parsed up to fifteen times.
    """
    text = F.col("value").cast("string")
    exact = {f"{name}_exact": F.col(name).try_cast(DECIMAL) for name in ("price", "quantity", "notional")}
    parsed = kafka.select(
        text.alias("value"), *kept, F.inline_outer(F.array(F.from_json(text, RAW_SCHEMA + more_fields)))
    )
    needed = ("exchange", "symbol", "source", "trade_id", "event_time", "received_time")
    checks = (
        *[F.col(name).isNotNull() for name in needed],
        ~F.col("value").contains("\\"),
        F.col("side").isin("buy", "sell"),
        *[F.col(name) > 0 for name in exact],
    )
    good = F.coalesce(reduce(and_, checks, F.col("v") == VERSION), F.lit(False))
    times = {"ts": F.timestamp_micros("event_time")}
    return parsed.withColumns(exact | times).withColumn("good", good)


def compute_windows(trades: DataFrame, watermark: str, run_id: str, aggregates: bool = False) -> DataFrame:
    """Trades -> Kafka rows (key, value) of `trade_windows`: tumbling windows per exchange and symbol, update by update.

    Open and close go by trade id, not arrival. `watermark` bounds the state: trades later than it leave no trace in
    the window, which Spark counts (`numRowsDroppedByWatermark`) and the service tells. With `aggregates` a row stands
    for `fills` trades of one price, with ids from trade_id on, as in the lake. Where the trades have
    OFFSET_COLUMNS, a window names its newest trade's: a symbol is always in one partition, so that says how far the
    stream has come.
    Source and currencies are one text in the state, which keeps the form that it had before windows had currencies.
    """
    price, quantity = F.col("price_exact"), F.col("quantity_exact")
    count, prices, last = F.count("*"), F.sum(price), F.max("trade_id")
    if aggregates:
        fills = F.col("fills")
        count, last = F.sum(fills), F.max(F.col("trade_id") + fills - 1)
        prices = F.sum(
            F.when(fills == 1, price).otherwise(
                (price.cast("decimal(28,18)") * fills.cast("decimal(9,0)")).cast(DECIMAL)
            )
        )
    place = OFFSET_COLUMNS if set(OFFSET_COLUMNS) <= set(trades.columns) else ()
    folded = (
        trades.where("good")
        .withWatermark("ts", watermark)
        .groupBy(F.window("ts", f"{WINDOW_SECONDS} seconds"), "exchange", "symbol")
        .agg(
            F.min_by("price", "trade_id").alias("open"),
            F.max(price).alias("high"),
            F.min(price).alias("low"),
            F.max_by("price", "trade_id").alias("close"),
            prices.alias("price_sum"),
            F.sum(quantity).alias("volume"),
            F.sum("notional_exact").alias("notional"),
            F.sum(F.when(F.col("side") == "buy", quantity).otherwise(F.lit(0).cast(DECIMAL))).alias("buy_volume"),
            count.alias("trade_count"),
            F.min("trade_id").alias("first_trade_id"),
            last.alias("last_trade_id"),
            F.max("event_time").alias("last_event_time"),
            F.max("received_time").alias("last_received_time"),
            F.max(F.concat_ws(" ", F.col("source"), F.concat("base", F.lit(" "), "quote"))).alias("about"),
            *[F.max(name).alias(name) for name in place],
        )
    )
    about = F.split("about", " ")
    base, quote = F.get(about, F.lit(1)), F.get(about, F.lit(2))
    integers = ("trade_count", "first_trade_id", "last_trade_id", "last_event_time", "last_received_time")
    decimals = ("open", "high", "low", "close", "price_sum", "volume", "notional", "buy_volume")
    body = {
        "v": F.lit(VERSION),
        **{name: _text(F.col(name)) for name in ("exchange", "symbol")},
        "window_start": F.unix_micros(F.col("window.start")),
        **{name: F.col(name) for name in integers},
        **{name: _text(F.col(name)) for name in decimals},
        "source": _text(F.get(about, F.lit(0))),
        **{
            name: _nullable(column)
            for name, column in (("base", base), ("quote", quote), ("usd_via", usd_via_column(quote)))
        },
        **{name: _or_null(F.col(column)) for name, column in zip(("partition", "offset"), place, strict=False)},
        "run_id": _text(F.lit(run_id)),
    }
    return folded.select(_key().alias("key"), _json(body).alias("value"))


def compute_alerts(trades: DataFrame, thresholds: Column, run_id: str, positions: bool = False) -> DataFrame:
    """Trades -> Kafka rows (topic, key, value): trades at or over the threshold, and dead letters for what won't parse.

    `thresholds`: a column of type THRESHOLDS_TYPE, oldest first; of what held at a trade's time
    (`{"exchange:symbol": USD}` with `*` for any) the most specific entry counts. A trade whose dollar
    notional is unknown is no whale. Where the trades
    have OFFSET_COLUMNS an alert names them. With `positions`, for which the trades need them, each
    POSITION_EVERY-th offset yields a row of its own to `stream_positions`: how far the query has read.
    """
    history, event_time = F.col("thresholds"), F.col("event_time")  # a column, since no lambda may hold a subquery
    newest = F.try_element_at(history, F.lit(-1))
    earlier = F.try_element_at(F.filter(history, lambda one: one["since"] <= event_time), F.lit(-1))
    held = F.when(event_time >= newest["since"], newest["limits"]).otherwise(earlier["limits"])
    threshold = F.coalesce(*[F.element_at(held, name) for name in _threshold_names()])
    place = [F.col(column).alias(name) for column, name in zip(OFFSET_COLUMNS, ("partition", "offset"), strict=True)]
    rows = (
        trades.withColumn("thresholds", thresholds)
        .withColumn("threshold_usd", threshold)
        .withColumn("notional_usd", F.when(F.col("usd_via").isNotNull(), F.col("notional_exact")))
    )
    broken = ~F.col("good")
    alert = F.struct(
        F.lit(VERSION).alias("v"),
        "exchange",
        "symbol",
        F.lit(SINGLE_TRADE).alias("kind"),
        "trade_id",
        "side",
        *[F.col(name).cast("string").alias(name) for name in ("price", "quantity", "notional_usd", "threshold_usd")],
        "event_time",
        "received_time",
        "source",
        F.lit(run_id).alias("run_id"),
        *("base", "quote", "usd_via"),
        *(place if set(OFFSET_COLUMNS) <= set(trades.columns) else ()),
    )
    letter = F.struct(
        F.lit(VERSION).alias("v"),
        F.lit("unknown").alias("exchange"),
        F.lit(f"not a raw trade of schema version {VERSION}").alias("reason"),
        F.lit("unparseable").alias("kind"),
        F.lit(0).cast("bigint").alias("received_time"),
        F.substring("value", 1, 100_000).alias("frame"),
        (F.length("value") > 100_000).alias("truncated"),
    )
    found = broken | (F.col("notional_usd") >= F.col("threshold_usd"))
    row = (
        F.when(broken, F.lit(add_prefix(DEAD_LETTERS))).otherwise(F.lit(add_prefix(WHALE_ALERTS))).alias("topic"),
        F.coalesce(_key(), F.lit("unknown")).alias("key"),
        F.when(broken, F.to_json(letter)).otherwise(F.to_json(alert)).alias("value"),
    )
    if not positions:
        return rows.where(found).select(*row)
    partition, offset = map(F.col, OFFSET_COLUMNS)
    due = offset % POSITION_EVERY == 0
    reached = F.struct(
        F.lit(add_prefix(STREAM_POSITIONS)).alias("topic"),
        partition.cast("string").alias("key"),
        _json({"partition": partition, "offset": offset, "run_id": _text(F.lit(run_id))}).alias("value"),
    )
    both = F.array_compact(F.array(F.when(found, F.struct(*row)), F.when(due, reached)))
    return rows.where(found | due).select(F.inline(both))


def usd_via_column(quote: Column) -> Column:
    """`domain.trade.usd_via` of a column of quote currencies."""
    return F.when(quote == "USD", quote).when(quote.isin(*sorted(PEGGED)), F.concat(F.lit("peg:"), quote))


def _key() -> Column:
    return F.concat(F.col("exchange"), F.lit(":"), F.col("symbol"))


def _json(fields: dict[str, Column]) -> Column:
    """A JSON object in this order, which sink/fold.py looks at; to_json would take longer than the window's state."""
    parts: list[Column] = []
    for name, column in fields.items():
        parts += [F.lit(f'{"," if parts else "{"}"{name}":'), column.cast("string")]
    return F.concat(*parts, F.lit("}"))


def _or_null(column: Column) -> Column:
    """A number, or null where there is none: an imported trade came by no topic."""
    return F.coalesce(column.cast("string"), F.lit("null"))


def _text(column: Column) -> Column:
    """A JSON string, unescaped: no text of a good trade needs it."""
    return F.concat(F.lit('"'), column.cast("string"), F.lit('"'))


def _nullable(column: Column) -> Column:
    """The same, or null."""
    return F.coalesce(_text(column), F.lit("null"))


def _threshold_names() -> list[Column]:
    exchange, symbol = F.col("exchange"), F.col("symbol")
    return [
        F.concat(exchange, F.lit(":"), symbol),
        F.concat(F.lit("*:"), symbol),
        F.concat(exchange, F.lit(":*")),
        F.lit("*:*"),
    ]
