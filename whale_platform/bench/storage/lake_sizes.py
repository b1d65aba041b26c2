"""The same trades as CSV, as the stream writes them, and compacted by three means: bytes and seconds.

DuckDB is what the platform uses; beside it delta-rs's own writer and a Spark batch (warm: its JVM runs already), all
sorted alike. What is compacted was written by the stream's own code, in batches of so many trades.
"""

import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from deltalake import ColumnProperties, WriterProperties, write_deltalake

from whale_platform.contracts import raw_trade
from whale_platform.domain.catalogue import SymbolCatalogue, find_currencies, split_dashed
from whale_platform.domain.trade import Trade
from whale_platform.lake.delta import table
from whale_platform.lake.delta.schema import COLUMN_NAMES
from whale_platform.lake.duckdb import engine
from whale_platform.lake.duckdb.parquet_writer import ROW_ORDER, ZSTD_LEVEL
from whale_platform.lake.maintenance import rewrite
from whale_platform.settings import Settings
from whale_platform.simulator.play.capture_files import read_captures
from whale_platform.storage import folders
from whale_platform.storage.folders import Folder
from whale_platform.stream.lake_query.writer import WRITE_OPTIONS, LakeWriter
from whale_platform.stream.spark import session

DELTA_COLUMNS = ("trade_id", "event_time", "received_time", "topic_offset")


def read_recorded_trades(files: Sequence[Path]) -> list[Trade]:
    """The trades of recordings of Binance or Coinbase, as received. Raises PlaySetupError."""
    out = []
    for one in read_captures(files):
        (exchange, symbol), fill = one.fill.market, one.fill
        base, quote = split_dashed(symbol) if "-" in symbol else find_currencies(SymbolCatalogue(), symbol)
        price, quantity, received = Decimal(fill.price), Decimal(fill.size), one.received_ns // 1000
        out.append(Trade(exchange, symbol, base, quote, fill.trade_id, price, quantity, fill.side, fill.time, received))
    return out


def measure_sizes(settings: Settings, trades: Sequence[Trade], batch: int) -> dict[str, Any]:
    """Bytes and seconds for these trades."""
    root = settings.trades_lake
    table.create_table(root)
    spark = session.build_session(settings)
    try:
        writer = LakeWriter(root, "bench", settings.lake_files, lambda first: {0: first + batch}, {})
        begin = time.perf_counter()
        for first in range(0, len(trades), batch):
            found = [
                (bytearray(raw_trade.encode_trade(one)), 0, first + n)
                for n, one in enumerate(trades[first : first + batch])
            ]
            writer(spark.createDataFrame(found, "value binary, partition int, offset bigint"), first)
        wrote = time.perf_counter() - begin
        files = table.list_files(table.open_table(root))
        paths = [file.path for file in files]

        def by_spark() -> int:
            rows = spark.read.parquet(*[str(root / path) for path in paths]).repartition(1)
            sorted_rows = rows.sortWithinPartitions("exchange", "symbol", "trade_id").write.options(**WRITE_OPTIONS)
            out = folders.scratch_folder(root) / "by_spark"
            sorted_rows.option("parquet.compression.codec.zstd.level", ZSTD_LEVEL).parquet(str(out))
            return sum(path.stat().st_size for path in out.glob("*.parquet"))

        def by_delta_rs() -> int:
            columns = {
                name: ColumnProperties(dictionary_enabled=False, encoding="DELTA_BINARY_PACKED")
                for name in DELTA_COLUMNS
            }
            out = folders.scratch_folder(root) / "by_delta_rs"
            with engine.connect(root) as connection:
                relation = connection.sql(
                    f"SELECT {', '.join(COLUMN_NAMES)} FROM {engine.select_rows(root, paths)} ORDER BY {ROW_ORDER}"
                )
                properties = WriterProperties(
                    compression="ZSTD",
                    compression_level=ZSTD_LEVEL,
                    column_properties=columns,
                    max_row_group_size=500_000,
                )
                write_deltalake(out, relation, writer_properties=properties, target_file_size=1 << 34)
            return sum(path.stat().st_size for path in out.glob("*.parquet"))

        others = {"spark": _time_work(by_spark), "delta_rs": _time_work(by_delta_rs)}
        begin, done = (
            time.perf_counter(),
            [rewrite.rewrite_hour(root, hour, {}) for hour in rewrite.find_hours_to_compact(root)],
        )
        ours = {"seconds": round(time.perf_counter() - begin, 2), "bytes": sum(one.bytes_after for one in done if one)}
        csv = _count_csv_bytes(root)
        size = sum(file.size for file in files)
        return {
            "trades": len(trades),
            "files": len(files),
            "write_s": round(wrote, 1),
            "csv": {"bytes": csv, "a_trade": round(csv / len(trades), 1)},
            "as_written": _compare_size(size, csv, len(trades)),
            "compacted": {
                name: {**one, **_compare_size(one["bytes"], csv, len(trades))}
                for name, one in {"duckdb": ours, **others}.items()
            },
        }
    finally:
        spark.stop()


def _count_csv_bytes(root: Folder) -> int:
    line = " + ".join(f"strlen({text})" for text in rewrite.CSV_TEXTS.values())
    paths = [file.path for file in table.list_files(table.open_table(root))]
    with engine.connect(root) as connection:
        query = f"SELECT sum({line} + {len(rewrite.CSV_TEXTS)}) FROM {engine.select_rows(root, paths)}"
        found = connection.execute(query).fetchone()
    return int(found[0]) if found is not None else 0


def _compare_size(size: int, csv: int, count: int) -> dict[str, float]:
    return {"bytes": size, "a_trade": round(size / count, 2), "saved": round(1 - size / csv, 4)}


def _time_work(work: Callable[[], int]) -> dict[str, Any]:
    begin = time.perf_counter()
    size = work()
    return {"seconds": round(time.perf_counter() - begin, 2), "bytes": size}
