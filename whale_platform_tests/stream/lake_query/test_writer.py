"""What one batch adds to the lake, on Spark without Kafka: batches that come again, overlap, go back, or grow."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog
from pyspark.sql import SparkSession

from whale_platform.contracts import raw_trade
from whale_platform.lake.delta import table
from whale_platform.lake.duckdb import engine
from whale_platform.lake.maintenance import rewrite
from whale_platform.settings import Settings
from whale_platform.stream.lake_query.supervisor import LakeQuerySupervisor
from whale_platform.stream.lake_query.writer import LakeWriter
from whale_platform.stream.query.queries import SourceTopic
from whale_platform.stream.query.recovery import QueryRecovery
from whale_platform_tests.lake.builders import ids, trade

pytestmark = pytest.mark.server
SCHEMA = "value binary, partition int, offset bigint"


def test_each_message_is_there_once_whatever_the_batches_were(spark: SparkSession, tmp_path: Path) -> None:
    root = tmp_path / "lake" / "trades"
    table.create_table(root)
    ends: dict[int, int] = {}
    writer = LakeWriter(root, "topic", 1, lambda batch: ends, {"run": "test"})

    def write(*places: tuple[int, int, int]) -> int:
        """Offsets [start, end) of partitions: ids are 1000 x partition + offset; every seventh message is broken."""
        ends.clear()
        ends.update({part: end for part, _, end in places})
        made = [
            (bytearray(raw_trade.encode_trade(trade(1000 * part + at, every_s=7)) if at % 7 else b"{"), part, at)
            for part, start, end in places
            for at in range(start, end)
        ]
        writer(spark.createDataFrame(made, SCHEMA), 1)
        return table.open_table(root).version()

    def expected(*places: tuple[int, int]) -> list[tuple[str, int]]:
        return [("BTCUSDT", 1000 * part + at) for part, end in places for at in range(end) if at % 7]

    first = write((0, 0, 600), (1, 0, 30))
    assert ids(root) == expected((0, 600), (1, 30))
    assert len(table.list_files(table.open_table(root))) == 3, "a file an hour"
    assert write((0, 0, 600), (1, 0, 30)) == first, "the same batch again"
    write((0, 550, 650), (1, 20, 40))
    assert ids(root) == expected((0, 650), (1, 40)), "batches that overlap"
    before = table.open_table(root).version()
    write((0, 0, 100), (1, 0, 10))
    assert table.open_table(root).version() == before, "the topic read again from its start"
    assert table.read_position(table.open_table(root), "topic", 0) == 650
    write((0, 650, 700), (1, 40, 40), (2, 0, 50))
    assert ids(root) == expected((0, 700), (1, 40), (2, 50)), "a partition that is new"
    write((0, 700, 701), (1, 40, 43), (2, 50, 50))
    assert ids(root) == expected((0, 700), (1, 43), (2, 50)), "a batch with a broken message alone in its partition"
    assert not (root / "_staging").exists()
    _the_topic_loses_its_end(root, writer, ends, spark)


def _the_topic_loses_its_end(root: Path, writer: LakeWriter, ends: dict[int, int], spark: SparkSession) -> None:
    """Offsets 695 on are used again, for trades of which the first five are known and the next five are not."""
    before = ids(root)
    settings = Settings(home=root.parent.parent)
    assert settings.trades_lake == root
    context = cast("Any", SimpleNamespace(settings=settings, log=structlog.get_logger()))
    place = SourceTopic("cluster", "topic", {0: 0, 1: 0, 2: 0}, {0: 695, 1: 43, 2: 50})
    keeper = LakeQuerySupervisor(
        context, spark, place, "run", QueryRecovery(settings, context.log, lambda: place, lambda *_: None)
    )
    keeper._rewind_table_offsets()
    ends.update({0: 705, 1: 43, 2: 50})
    again = [696, 697, 698, 699, 695, *range(5_001, 5_006)]
    made = [
        (bytearray(raw_trade.encode_trade(trade(number, every_s=7))), 0, 695 + at) for at, number in enumerate(again)
    ]
    writer(spark.createDataFrame(made, SCHEMA), 2)
    after = ids(root)
    assert {number for _, number in after} - {number for _, number in before} == set(range(5_001, 5_006))
    for hour in rewrite.find_hours_to_compact(root):
        rewrite.rewrite_hour(root, hour, {"run": "test"})
    assert len(ids(root)) == len(set(after)) == len(before) + 5, "compaction leaves each once"


def test_the_log_holds_what_prunes_and_what_traces(spark: SparkSession, tmp_path: Path) -> None:
    root = tmp_path / "trades"
    table.create_table(root)
    writer = LakeWriter(root, "topic", 1, lambda batch: {0: 20}, {"run": "stream-1", "code": "abc"})
    made = [(bytearray(raw_trade.encode_trade(trade(number))), 0, number) for number in range(20)]
    writer(spark.createDataFrame(made, SCHEMA), 7)
    opened = table.open_table(root)
    assert opened.history(1)[0]["whale"] == {"run": "stream-1", "code": "abc", "batch": 7}
    told = opened.get_add_actions(flatten=True)
    found = {name: told[name].to_pylist()[0] for name in told.schema.names if name.startswith(("min.", "max.", "num"))}
    assert (found["num_records"], found["min.trade_id"], found["max.trade_id"]) == (20, 0, 19)
    assert (found["min.symbol"], found["max.topic_offset"]) == ("BTCUSDT", 19)
    assert (found["max.event_time"] - found["min.event_time"]).total_seconds() == 19
    with engine.connect(root) as connection:
        path = table.list_files(opened)[0].path
        kinds = dict(
            connection.execute(f"SELECT path_in_schema, encodings FROM parquet_metadata('{root / path}')").fetchall()
        )
    assert "DELTA_BINARY_PACKED" in kinds["event_time"] and "DELTA_BINARY_PACKED" in kinds["trade_id"]
