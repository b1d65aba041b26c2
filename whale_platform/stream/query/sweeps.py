"""Sweeps of trades that are all there, as the lake has them: what the ingester's messages say of them, found again.

The definition is domain/sweep.py's; its test takes `SweepTracker` for the truth. Nothing here fails: where a sum would
overflow decimal(38,18), the trade has no sweep.
"""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

ORDER = ("exchange", "symbol", "event_time", "side", "taker_order_id")


def add_sweeps(trades: DataFrame) -> DataFrame:
    """Add the columns `sweep_…` of `transforms.parse_trades`: a trade's order up to it, from the second fill on.

    Consecutive ids of one order are those whose distance to their row's number stays the same. Ids that are not dense
    say nothing of what lies between: there the trades of one order belong together, as they came.
    """
    place = F.when(F.col("dense"), F.col("trade_id")).otherwise(F.col("topic_offset"))
    order = Window.partitionBy(*ORDER, "block").orderBy("place")
    fill = Window.partitionBy(*ORDER, "block", "island").orderBy("place")
    so_far = fill.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    island = F.when(F.col("dense"), F.col("trade_id") - F.row_number().over(order))
    moved = F.coalesce(F.col("price") != F.lag("price").over(fill), F.lit(False))
    fills, notional = F.count("*").over(so_far), F.try_sum("notional_exact").over(so_far)
    found = trades.withColumn("place", place).withColumn("island", island).withColumn("moved", moved.cast("bigint"))
    sums = {
        "sweep_first_id": F.first("trade_id").over(so_far),
        "sweep_fills": fills,
        "sweep_levels": 1 + F.sum("moved").over(so_far),
        "sweep_first_price": F.first("price").over(so_far).cast("string"),
        "sweep_quantity": F.try_sum("quantity_exact").over(so_far).cast("string"),
        "sweep_notional": notional,
        "sweep_usd": F.when(F.count("usd_exact").over(so_far) == fills, F.try_sum("usd_exact").over(so_far)),
    }
    whole = (F.col("sweep_fills") > 1) & ~F.col("block") & F.col("sweep_notional").isNotNull()
    return (
        found.withColumns(sums)
        .withColumns({name: F.when(whole, F.col(name)) for name in sums})
        .drop("place", "island", "moved")
    )
