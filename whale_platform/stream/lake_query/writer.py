"""The third query: raw trades into the lake, in micro-batches beside the real-time queries.

Executors write Parquet files into a folder of their own; the driver moves them to their hours and commits them. What a
batch brings again (a killed driver, a checkpoint reset or lost) is below the offsets that the table itself has, and is
left out, so every message is in the table once, whatever the batches were. If the lake can't be written, this query
ends, says why and is tried again (supervisor.py); the real-time queries go on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from whale_platform.contracts import raw_trade
from whale_platform.lake.delta import commits, table
from whale_platform.lake.delta.schema import (
    COLUMN_NAMES,
    COLUMNS,
    IDENTITY,
    NARROW_DECIMAL,
    WIDE_DECIMAL,
    build_narrow_check,
)
from whale_platform.storage import folders
from whale_platform.storage.folders import Folder
from whale_platform.stream.lake_query import parquet_footers
from whale_platform.stream.query import transforms

WRITE_OPTIONS = {
    "compression": "zstd",
    "parquet.writer.version": "v2",
    # A dictionary of nearly distinct values keeps Parquet from storing differences.
    **{f"parquet.enable.dictionary#{name}": "false" for name in ("event_time", "received_time", "topic_offset")},
}


@dataclass(slots=True)
class LakeWriter:
    """What `foreachBatch` calls. `ends(batch)` -> {partition: next offset}; `numbers` of the last commit, to tell."""

    root: Folder
    topic_id: str
    files: int
    ends: Callable[[int], dict[int, int]]
    about: Mapping[str, Any]
    numbers: dict[str, Any] = field(default_factory=dict)

    def __call__(self, batch: DataFrame, batch_id: int) -> None:
        """Write and commit one batch; what the table has already is left out. Raises LakeError."""
        opened, ends = table.open_table(self.root), self.ends(batch_id)
        known = {part: table.read_position(opened, self.topic_id, part) for part in ends}
        staging = self.root / "_staging"
        folders.delete_folder(staging)
        self._write(batch, known, staging)
        files = folders.find_files(staging, "date=*/hour=*/*.parquet")
        moved = {part: end for part, end in ends.items() if end > known[part]}  # never back: a reset reads again
        if files or moved:
            added = [parquet_footers.describe_file(batch.sparkSession, self.root, path) for path in files]
            for path, file in zip(files, added, strict=True):
                folders.move_file(path, self.root / file.path)
            version = commits.append_files(self.root, added, self.topic_id, moved, {**self.about, "batch": batch_id})
            written = sum(file.rows for file in added)
            self.numbers |= {"lake_version": version, "lake_rows": written, "lake_files": len(added)}
        folders.delete_folder(staging)

    def _write(self, batch: DataFrame, known: Mapping[int, int], folder: Folder) -> None:
        here, offset = F.col("topic_partition"), F.col("topic_offset")
        old = reduce(or_, [(here == part) & (offset < place) for part, place in known.items()], F.lit(False))
        fresh = select_lake_rows(batch).where(~old).coalesce(self.files)
        writer = fresh.sortWithinPartitions("date", "hour", *IDENTITY).write.partitionBy("date", "hour")
        # Overwrites nothing but the empty object by which an interrupted batch marks the folder in an object store:
        # Hadoop writes it when the batch is aborted, and only Hadoop can delete it.
        writer.mode("overwrite").options(**WRITE_OPTIONS).parquet(folders.spark_path(folder))


def select_lake_rows(kafka: DataFrame) -> DataFrame:
    """Kafka rows -> good trades in the lake's columns, with `date` and `hour`; the others become dead letters."""
    placed = transforms.add_offsets(kafka)
    good = transforms.parse_trades(placed, transforms.OFFSET_COLUMNS).where("good")
    narrow = F.expr(f"{build_narrow_check('price_exact')} AND {build_narrow_check('quantity_exact')}")
    columns: dict[str, Column] = {name: F.col(name) for name in COLUMN_NAMES if name in good.columns} | {
        "fills": F.lit(1),
        "price": F.col("price_exact"),
        "quantity": F.col("quantity_exact"),
        "usd_rate": F.col("usd_rate").cast(WIDE_DECIMAL),
        "notional_wide": F.when(~narrow, F.col("notional_exact")),
        "event_time": F.col("ts"),
        "received_time": F.timestamp_micros("received_time"),
    }
    dated = {"date": F.to_date("ts"), "hour": F.hour("ts")}
    return good.select(*[columns[name].alias(name) for name in COLUMN_NAMES], *[c.alias(n) for n, c in dated.items()])


def read_trades(session: SparkSession, root: Folder, paths: Sequence[str]) -> DataFrame:
    """The rows of these files of the lake as `transforms.parse_trades` gives them, with their `fills`.

    `received_time` is never null. The orders that trades belong to are not read here: sweeps.py finds them.
    """
    layout = ", ".join(f"{column.name} {column.delta}" for column in COLUMNS)  # files of before lack some of them
    files = session.read.schema(layout).parquet(*[folders.spark_path(root / path) for path in paths])
    exact = F.expr(f"try_cast(price AS {NARROW_DECIMAL}) * try_cast(quantity AS {NARROW_DECIMAL})").cast(WIDE_DECIMAL)
    event = F.unix_micros("event_time")
    columns = {
        "ts": F.col("event_time"),
        "event_time": event,
        "received_time": F.coalesce(F.unix_micros("received_time"), event),
        "price_exact": F.col("price"),
        "quantity_exact": F.col("quantity"),
        "notional_exact": F.coalesce("notional_wide", exact),
        "usd_via": transforms.usd_via_column(),
        "v": F.lit(raw_trade.VERSION),
        "good": F.lit(True),
        "dense": F.coalesce("dense", F.lit(True)),
        "block": F.coalesce("block", F.lit(False)),
        "value": F.lit(""),
    }
    names = ("exchange", "symbol", "trade_id", "fills", "side", "source", "price", "quantity", "base", "quote")
    kept = [
        F.col(name)
        for name in (*names, "taker_order_id", "usd_rate", "usd_pair", "usd_exact", *transforms.OFFSET_COLUMNS)
    ]
    return files.select(*kept, *[column.alias(name) for name, column in columns.items()])
