"""What a window is and what a whale is: the one definition, as DataFrame transforms, for every mode and path.

Each takes and returns a DataFrame and starts nothing. `trades` reads schema version 1 of `raw_crypto_trades`; what
does not parse keeps `exchange` null and is routed to the dead letters by `alerts`, never dropped unseen.

Sums stay exact: prices, quantities and notionals are decimal(38,18), the widest Spark has, and the ingester
quarantines what would not fit (domain/limits.py). Spark multiplies nothing: notional arrives computed.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from whale_platform.domain.codec import VERSION
from whale_platform.domain.names import DEAD_LETTERS, SINGLE_TRADE, WHALE_ALERTS, WINDOW_SECONDS

DECIMAL = "decimal(38,18)"
RAW_SCHEMA = (
    "v int, exchange string, symbol string, trade_id bigint, side string, source string, event_time bigint, "
    f"received_time bigint, price {DECIMAL}, quantity {DECIMAL}, notional {DECIMAL}, notional_usd {DECIMAL}"
)


def trades(kafka: DataFrame) -> DataFrame:
    """Kafka rows (key, value, …) -> one row a trade, plus `ts` (event time) and the raw `value` for dead letters."""
    text = F.col("value").cast("string")
    row = F.from_json(text, RAW_SCHEMA)
    good = (F.col("t.v") == VERSION) & F.col("t.exchange").isNotNull() & F.col("t.notional").isNotNull()
    return (
        kafka.select(text.alias("value"), row.alias("t"))
        .select("value", F.when(good, F.col("t")).alias("t"))
        .select("value", "t.*")
        .withColumn("ts", F.timestamp_micros("event_time"))
    )


def windows(trades: DataFrame, watermark: str, run_id: str) -> DataFrame:
    """Trades -> Kafka rows (key, value) of `trade_windows`: tumbling windows per exchange and symbol, update by update.

    Open and close go by trade id, not arrival. `watermark` bounds the state: trades later than it leave no trace in
    the window, which Spark counts (`numRowsDroppedByWatermark`) and the service tells.
    """
    quantity = F.col("quantity")

    def taken(side: str) -> Column:
        return F.sum(F.when(F.col("side") == side, quantity).otherwise(F.lit(0).cast(DECIMAL)))

    folded = (
        trades.where(F.col("exchange").isNotNull())
        .withWatermark("ts", watermark)
        .groupBy(F.window("ts", f"{WINDOW_SECONDS} seconds"), "exchange", "symbol")
        .agg(
            F.min_by("price", "trade_id").alias("open"),
            F.max("price").alias("high"),
            F.min("price").alias("low"),
            F.max_by("price", "trade_id").alias("close"),
            F.sum("price").alias("price_sum"),
            F.sum("quantity").alias("volume"),
            F.sum("notional").alias("notional"),
            taken("buy").alias("buy_volume"),
            taken("sell").alias("sell_volume"),
            F.count("*").alias("trade_count"),
            F.min("trade_id").alias("first_trade_id"),
            F.max("trade_id").alias("last_trade_id"),
            F.max("event_time").alias("last_event_time"),
            F.max("received_time").alias("last_received_time"),
            F.max("source").alias("source"),
        )
    )
    money = ("open", "high", "low", "close", "price_sum", "volume", "notional", "buy_volume", "sell_volume")
    numbers = ("trade_count", "first_trade_id", "last_trade_id", "last_event_time", "last_received_time")
    body = F.struct(
        F.lit(VERSION).alias("v"),
        F.col("exchange"),
        F.col("symbol"),
        F.unix_micros(F.col("window.start")).alias("window_start"),
        *[F.col(name).cast("string").alias(name) for name in money],
        *[F.col(name) for name in numbers],
        F.col("source"),
        F.lit(run_id).alias("run_id"),
    )
    return folded.select(_key().alias("key"), F.to_json(body).alias("value"))


def alerts(trades: DataFrame, thresholds: Column, run_id: str) -> DataFrame:
    """Trades -> Kafka rows (topic, key, value): trades at or over the threshold, and dead letters for what won't parse.

    `thresholds`: a map column `{"exchange:symbol": USD}` with `*` for any; the most specific entry wins. A trade
    whose dollar notional is unknown is no whale.
    """
    threshold = F.coalesce(*[F.element_at(thresholds, name) for name in _threshold_names()])
    rows = trades.withColumn("threshold_usd", threshold)
    broken = F.col("exchange").isNull()
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
    return rows.where(broken | (F.col("notional_usd") >= F.col("threshold_usd"))).select(
        F.when(broken, F.lit(DEAD_LETTERS)).otherwise(F.lit(WHALE_ALERTS)).alias("topic"),
        F.coalesce(_key(), F.lit("unknown")).alias("key"),
        F.when(broken, F.to_json(letter)).otherwise(F.to_json(alert)).alias("value"),
    )


def _key() -> Column:
    return F.concat(F.col("exchange"), F.lit(":"), F.col("symbol"))


def _threshold_names() -> list[Column]:
    exchange, symbol = F.col("exchange"), F.col("symbol")
    return [
        F.concat(exchange, F.lit(":"), symbol),
        F.concat(F.lit("*:"), symbol),
        F.concat(exchange, F.lit(":*")),
        F.lit("*:*"),
    ]
