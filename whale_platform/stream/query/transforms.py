"""The one definition of window and whale, as DataFrame transforms, for every mode and path.

Each takes and returns a DataFrame and starts nothing. The layouts of messages are those of `contracts/`; what
`parse_trades` can't read is not `good` and is routed to the dead letters by `compute_alerts`, never dropped unseen.

Sums stay exact: prices, quantities and notionals are decimal(38,18), the widest Spark has, and the ingester
quarantines what would not fit (domain/plausibility.py). Messages are read by a Java function (contracts/java), which
multiplies what fits decimal(18,8): of wider numbers the message has the product. Wide decimals are what a trade costs
most here, so what is only passed on stays the text it came as.
"""

from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from whale_platform.broker.naming import add_prefix
from whale_platform.contracts import dead_letter, raw_trade, stream_position, trade_window, whale_alert
from whale_platform.domain.hours_of_week import HOURS_OF_WEEK
from whale_platform.domain.names import (
    BLOCK,
    DEAD_LETTERS,
    LIQUIDATION,
    SINGLE_TRADE,
    STREAM_POSITIONS,
    SWEEP,
    WHALE_ALERTS,
    WHALE_TIERS,
    WINDOW_SECONDS,
)
from whale_platform.domain.trade import DOLLARS, PEGGED
from whale_platform.domain.window import SPARSE_OFFSETS, SPARSE_TIMES
from whale_platform.exchanges.market_kinds import LIQUIDATION_EXCHANGES
from whale_platform.stream.query.message_columns import build_json, build_struct
from whale_platform.toolchain import java_classes

DECIMAL = "decimal(38,18)"
_THRESHOLDS_TYPE = f"array<struct<since:bigint,limits:map<string,array<{DECIMAL}>>>>"  # threshold_file.ThresholdCopy
TIERS = len(WHALE_TIERS)
HOUR_US, EPOCH_HOUR = 3_600_000_000, 72  # 1970 begins on a Thursday
POSITION_EVERY = 20  # offsets

OFFSET_COLUMNS = ("topic_partition", "topic_offset")


def add_offsets(kafka: DataFrame) -> DataFrame:
    """Add OFFSET_COLUMNS to Kafka rows, since `offset` and `partition` are words of SQL and of the messages."""
    return kafka.withColumns(dict(zip(OFFSET_COLUMNS, (F.col("partition"), F.col("offset")), strict=True)))


def parse_trades(kafka: DataFrame, kept: Sequence[str] = ()) -> DataFrame:
    """Kafka rows (key, value, …) -> one row a message, with its raw `value` as text for dead letters.

    `kept` names columns to keep. Columns: the fields of a raw trade, `price_exact`, `quantity_exact`, `notional_exact`,
    `usd_exact` (of a currency that is no dollar), `ts` (event time), `usd_via` and `good` (a raw trade, complete, with
    numbers to compute with): see ReadTrade.java.
    No name of a good trade has an escape, so `compute_windows` may write it out as it came.
    They are made in a generator, which the optimizer leaves alone: plain columns are pushed into every filter, and the
    message is read once for each.
    """
    fields = F.inline(F.array(F.call_function(java_classes.READ_TRADE, F.col("value").cast("binary"))))
    derived = {"ts": F.timestamp_micros("event_time"), "usd_via": usd_via_column()}
    return kafka.select(F.col("value").cast("string").alias("value"), *kept, fields).withColumns(derived)


def compute_windows(trades: DataFrame, watermark: str, run_id: str, aggregates: bool = False) -> DataFrame:
    """Trades -> Kafka rows (key, value) of `trade_windows`: tumbling windows per exchange and symbol, update by update.

    Blocks and liquidations, which are told beside the trades of the book, are in none.
    Open and close go by trade id, not arrival; where ids are not contiguous, by time and then by arrival. `watermark`
    bounds the state: trades later than it leave no trace in the window, which Spark counts
    (`numRowsDroppedByWatermark`) and the service tells. With `aggregates` a row stands for `fills` trades of one price,
    with ids from trade_id on, as in the lake. Where the trades have OFFSET_COLUMNS, a window names its newest trade's:
    a symbol is always in one partition, so that says how far the stream has come.
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
    order = F.col("trade_id")
    if place:
        arrival = F.col("event_time") % SPARSE_TIMES * SPARSE_OFFSETS + F.col("topic_offset") % SPARSE_OFFSETS
        order = F.when(F.col("dense"), order).otherwise(arrival)
    folded = (
        trades.where("good AND NOT block")
        .withWatermark("ts", watermark)
        .groupBy(F.window("ts", f"{WINDOW_SECONDS} seconds"), "exchange", "symbol")
        .agg(
            F.min_by("price", order).alias("open"),
            F.max(price).alias("high"),
            F.min(price).alias("low"),
            F.max_by("price", order).alias("close"),
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
    derived = {
        "window_start": F.unix_micros(F.col("window.start")),
        "source": F.get(about, F.lit(0)),
        "base": base,
        "quote": quote,
        "usd_via": usd_via_column(quote),
        **{name: F.col(column) for name, column in zip(("partition", "offset"), place, strict=False)},
        "run_id": F.lit(run_id),
    }
    return folded.select(_build_key().alias("key"), build_json(trade_window.CONTRACT, folded, derived).alias("value"))


def compute_alerts(trades: DataFrame, thresholds: Column, run_id: str, positions: bool = False) -> DataFrame:
    """Trades -> Kafka rows (topic, key, value): whales at or over the threshold, and dead letters for what won't parse.

    A trade may be two whales: alone, and as the fill by which its order is one, or by which that grows (SWEEP).
    `thresholds`: see `parse_thresholds`; of what held at a trade's time (`{"exchange:symbol": [USD of each tier]}` with
    `*` for any) the most specific entry counts, and of that the trade's hour of the week where it has 168 of them.
    A trade whose dollar notional is unknown is no whale. Where the trades have OFFSET_COLUMNS an alert names them. With
    `positions`, for which the trades need them, each POSITION_EVERY-th offset yields a row of its own to
    `stream_positions`: how far the query has read.
    """
    history, event_time = F.col("history"), F.col("event_time")  # a column, since no lambda may hold a subquery
    newest = F.try_element_at(history, F.lit(-1))
    earlier = F.try_element_at(F.filter(history, lambda one: one["since"] <= event_time), F.lit(-1))
    held = F.when(event_time >= newest["since"], newest["limits"]).otherwise(earlier["limits"])
    limits = F.coalesce(*[F.element_at(held, name) for name in _threshold_names()])
    first = F.when(F.size("limits") > TIERS, _find_hour() * TIERS).otherwise(0)
    broken, due = ~F.col("good"), F.lit(False)
    if positions:
        due = F.col("topic_offset") % POSITION_EVERY == 0
    pegged = F.col("quote").isin(*sorted(DOLLARS))
    alone = F.when(pegged, F.col("notional_exact")).otherwise(F.col("usd_exact"))
    together = F.when(pegged, F.col("sweep_notional")).otherwise(F.col("sweep_usd"))
    amounts = F.greatest("notional_exact", "sweep_notional", "usd_exact", "sweep_usd")
    possible = broken | due | (amounts >= thresholds["least"])  # few are: the others end here
    rows = (
        trades.where(possible)
        .withColumn("history", thresholds["history"])
        .withColumn("limits", limits)
        .withColumn("first_limit", first)
        .withColumn("threshold_usd", _get_limit(0))
        .withColumn("notional_usd", alone)
        .withColumn("sweep_usd", together)
    )
    single = F.col("notional_usd") >= F.col("threshold_usd")
    sweep = F.col("sweep_usd") >= F.col("threshold_usd")
    found = [
        F.when(broken, _build_row(DEAD_LETTERS, F.to_json(_build_dead_letter(rows)))),
        F.when(single, _build_row(WHALE_ALERTS, F.to_json(_build_alert(rows, run_id)))),
        F.when(sweep, _build_row(WHALE_ALERTS, F.to_json(_build_sweep(rows, run_id)))),
    ]
    any_found = broken | single | sweep
    if positions:
        partition, offset = map(F.col, OFFSET_COLUMNS)
        place = {"partition": partition, "offset": offset, "run_id": F.lit(run_id)}
        reached = build_json(stream_position.CONTRACT, rows, place)
        found.append(F.when(due, _build_row(STREAM_POSITIONS, reached, partition.cast("string"))))
        any_found |= due
    return rows.where(any_found).select(F.inline(F.array_compact(F.array(*found))))


def parse_thresholds(copy: Column) -> Column:
    """The text of a ThresholdCopy -> a struct of its `history`, oldest first, and the `least` USD that is in it."""
    history = F.from_json(copy, _THRESHOLDS_TYPE)
    periods = F.filter(F.transform(history, lambda one: F.map_values(one["limits"])), F.isnotnull)
    least = F.array_min(F.transform(F.flatten(periods), F.array_min))  # null where a period is
    return F.struct(history.alias("history"), least.alias("least"))


def usd_via_column(quote: Column | None = None) -> Column:
    """`domain.trade.usd_via` of a column of quote currencies; without one, a trade's own, by its rate too."""
    asked = F.col("quote") if quote is None else quote
    via = F.when(asked == "USD", asked).when(asked.isin(*sorted(PEGGED)), F.concat(F.lit("peg:"), asked))
    return via if quote is not None else via.when(F.col("usd_exact").isNotNull(), F.col("usd_pair"))


def _build_alert(rows: DataFrame, run_id: str) -> Column:
    """The alert of a trade alone."""
    of_kind = {
        "kind": F.when(~F.col("block"), F.lit(SINGLE_TRADE))
        .when(F.col("exchange").isin(LIQUIDATION_EXCHANGES), F.lit(LIQUIDATION))
        .otherwise(F.lit(BLOCK)),
        "notional": F.col("notional_exact"),
    }
    return _build_whale(rows, run_id, of_kind)


def _build_sweep(rows: DataFrame, run_id: str) -> Column:
    """The alert of its order up to it."""
    of_kind = {
        "kind": F.lit(SWEEP),
        "trade_id": F.col("sweep_first_id"),
        "quantity": F.col("sweep_quantity"),
        "notional_usd": F.col("sweep_usd"),
        "notional": F.col("sweep_notional"),
        "fills": F.col("sweep_fills"),
        "levels": F.col("sweep_levels"),
        "first_price": F.col("sweep_first_price"),
        "last_trade_id": F.col("trade_id"),
        "sweep_first_id": F.lit(None).cast("bigint"),  # its trade_id is that
    }
    return _build_whale(rows, run_id, of_kind)


def _build_whale(rows: DataFrame, run_id: str, of_kind: Mapping[str, Column]) -> Column:
    place = OFFSET_COLUMNS if set(OFFSET_COLUMNS) <= set(rows.columns) else ()
    there = {name: F.col(name) for name in ("price", "quantity", "notional_usd", "threshold_usd", "usd_rate")} | dict(
        of_kind
    )
    texts = {field.name for field in whale_alert.CONTRACT.fields if field.kind == "decimal"}
    columns = {name: column.cast("string") if name in texts else column for name, column in there.items()}
    columns["tier"] = _find_tier(there["notional_usd"])
    places = {name: F.col(column) for name, column in zip(("partition", "offset"), place, strict=False)}
    return build_struct(whale_alert.CONTRACT, rows, {**columns, **places, "run_id": F.lit(run_id)})


def _find_tier(notional_usd: Column) -> Column:
    """`domain.whale.find_tier`, of the row's `limits` from `first_limit` on."""
    reached = [notional_usd >= _get_limit(number) for number in (2, 1)]
    whale, large, giant = map(F.lit, WHALE_TIERS)
    return F.when(reached[0], giant).when(reached[1], large).otherwise(whale)


def _get_limit(number: int) -> Column:
    return F.get("limits", F.col("first_limit") + number)


def _build_row(topic: str, value: Column, key: Column | None = None) -> Column:
    key = F.coalesce(_build_key(), F.lit(dead_letter.UNKNOWN_EXCHANGE)) if key is None else key
    return F.struct(F.lit(add_prefix(topic)).alias("topic"), key.alias("key"), value.alias("value"))


def _build_key() -> Column:
    return F.concat(F.col("exchange"), F.lit(":"), F.col("symbol"))


def _explain_refusal() -> Column:
    version = F.col("v")
    later = F.concat(F.lit("raw trade of schema version "), version, F.lit("; this code reads versions 1 and 2"))
    known = version.isNull() | version.isin(*raw_trade.VERSIONS)
    return F.when(known, F.lit("not a raw trade of schema version 1 or 2")).otherwise(later)


def _build_dead_letter(rows: DataFrame) -> Column:
    """The dead letter of a message that is no good trade."""
    most = dead_letter.MAX_STREAM_CHARACTERS
    return build_struct(
        dead_letter.CONTRACT,
        rows,
        {
            "exchange": F.lit(dead_letter.UNKNOWN_EXCHANGE),
            "reason": _explain_refusal(),
            "kind": F.lit("unparseable"),
            "received_time": F.lit(0).cast("bigint"),
            "frame": F.substring("value", 1, most),
            "truncated": F.length("value") > most,
        },
    )


def _find_hour() -> Column:
    """`domain.hours_of_week.get_hour_of_week`, of the trade's time."""
    hours = F.expr(f"event_time div {HOUR_US}")
    return ((hours + EPOCH_HOUR) % HOURS_OF_WEEK).cast("int")


def _threshold_names() -> list[Column]:
    exchange, symbol = F.col("exchange"), F.col("symbol")
    return [
        F.concat(exchange, F.lit(":"), symbol),
        F.concat(F.lit("*:"), symbol),
        F.concat(exchange, F.lit(":*")),
        F.lit("*:*"),
    ]
