"""Every damage made for real, on Spark and a broker: the query is running again without a hand, its windows exact."""

import json
import os
import shutil
import signal
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import structlog
from confluent_kafka import KafkaException, TopicPartition
from pyspark.sql import SparkSession
from pyspark.sql.streaming import StreamingQuery

from whale_platform.bench.harness.platform import wait_for
from whale_platform.broker import topics
from whale_platform.broker.reader import TopicReader
from whale_platform.domain.names import RAW_TRADES, STREAM_LOSSES, TRADE_WINDOWS
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.settings import Settings
from whale_platform.storage.folders import Folder
from whale_platform.stream.query import checkpoints, queries, recovery, transforms
from whale_platform.stream.query.checkpoints import CheckpointLabel
from whale_platform.stream.query.recovery import QueryRecovery, publish_losses
from whale_platform.stream.spark import session
from whale_platform_tests.stream.checkpoint_damages import DAMAGES, HARMLESS, Damage
from whale_platform_tests.stream.real_stream import messages, produce, trade
from whale_platform_tests.support.kafka_server import KafkaServer
from whale_platform_tests.support.spark_jvm import end_own_jvm

pytestmark = [pytest.mark.timeout(1_800), pytest.mark.process]
SYMBOLS = ("A", "B", "C", "D", "E", "F", "G", "H")
Totals = dict[tuple[str, int], int]


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    with end_own_jvm():
        built: SparkSession = session.build_session(
            Settings(home=tmp_path_factory.mktemp("home"), spark_master="local[4]")
        )
        built.conf.set("spark.sql.streaming.stateStore.checkpointFormatVersion", "2")  # as real-time mode has it
        yield built
        built.stop()


@dataclass
class Case:
    """One query on its own home, restarted as the service would be."""

    spark: SparkSession
    bootstrap: KafkaCluster
    home: Path
    name: str
    query: StreamingQuery | None = None
    ends: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.settings = Settings.model_validate({"home": self.home, "kafka_bootstrap": str(self.bootstrap)})
        locate = partial(queries.inspect_source, self.settings)
        self.healer = QueryRecovery(self.settings, structlog.get_logger(), locate, publish_losses)

    @property
    def label(self) -> CheckpointLabel:
        place = queries.inspect_source(self.settings)
        assert place is not None
        return CheckpointLabel("windows", "microbatch", 1, place.cluster_id, RAW_TRADES, place.topic_id)

    @property
    def folder(self) -> Folder:
        return checkpoints.checkpoint_folder(self.home, "windows", "microbatch", 1)

    def look(self) -> None:
        """Start it, or judge its end and start it again."""
        if self.query is not None and self.query.isActive:
            return
        if self.query is not None:
            error = session.read_java_trace(self.query)
            self.ends.append(error)
            assert len(self.ends) < 4, f"{self.name}: {error}"
            assert self.healer.handle_failure(self.label, error), self.healer.trouble
        place = queries.inspect_source(self.settings)
        assert place is not None
        path = self.healer.prepare([self.label], place)["windows"]
        kafka = (
            self.spark.readStream.format("kafka")
            .option("kafka.bootstrap.servers", self.bootstrap)
            .option("subscribe", RAW_TRADES)
            .option("startingOffsets", "earliest")
            .option("failOnDataLoss", "true")
        )
        rows = transforms.compute_windows(transforms.parse_trades(kafka.load()), "10 minutes", self.name)
        self.query = (
            rows.writeStream.format("kafka")
            .outputMode("update")
            .option("kafka.bootstrap.servers", self.bootstrap)
            .option("topic", TRADE_WINDOWS)
            .option("checkpointLocation", str(path))
            .start()
        )

    def stop(self) -> None:
        if self.query is not None:
            self.query.stop()

    def lost(self) -> list[tuple[int, int, int | None, str]]:
        rows = [row for record in recovery.list_recoveries(self.home) for row in record.lost]
        return sorted((row["partition"], row["first_offset"], row["last_offset"], row["cause"]) for row in rows)


def windows(bootstrap: KafkaCluster) -> dict[str, Totals]:
    """{run: {(symbol, window start): largest count}}."""
    found: dict[str, Totals] = {}
    for row in messages(bootstrap, TRADE_WINDOWS):
        run = found.setdefault(row["run_id"], {})
        key = (row["symbol"], row["window_start"])
        run[key] = max(run.get(key, 0), row["trade_count"])
    return found


def in_topic(bootstrap: KafkaCluster) -> Totals:
    """What the windows of all that is still in the topic have to be."""
    found: Totals = {}
    for row in messages(bootstrap, RAW_TRADES):
        key = (row["symbol"], row["event_time"] // 60_000_000 * 60_000_000)
        found[key] = found.get(key, 0) + 1
    return found


def merged(*some: Totals) -> Totals:
    """As the sink stores them: the largest of each."""
    return {key: max(one.get(key, 0) for one in some) for key in set().union(*some)}


def feed(bootstrap: KafkaCluster, start: int, end: int) -> None:
    produce(bootstrap, [trade(symbol, number) for number in range(start, end) for symbol in SYMBOLS])


def copied(source: Path, to: Path) -> Path:
    """A copy that Spark takes for another query, so that many can run at once; returns its checkpoint's folder."""
    shutil.copytree(source, to, dirs_exist_ok=True)
    path = Path(str(checkpoints.checkpoint_folder(to, "windows", "microbatch", 1)))
    (path / "metadata").write_text(json.dumps({"id": str(uuid.uuid4())}))
    (path / ".metadata.crc").unlink()
    return path


def bounds(bootstrap: KafkaCluster) -> dict[int, tuple[int, int]]:
    reader = TopicReader(bootstrap, "test")
    try:
        return {part: reader.bounds(RAW_TRADES, part) for part in reader.list_partitions(RAW_TRADES)}
    finally:
        reader.close()


def find_wrong(cases: list[Case], before: str, bootstrap: KafkaCluster) -> list[Case]:
    """Look after each; those that are not exact yet."""
    for case in cases:
        case.look()
    found, expected = windows(bootstrap), in_topic(bootstrap)
    return [case for case in cases if merged(found.get(before, {}), found.get(case.name, {})) != expected]


def all_exact(cases: list[Case], before: str, bootstrap: KafkaCluster) -> bool:
    return not find_wrong(cases, before, bootstrap)


def test_every_damage_heals_by_itself(kafka: KafkaServer, spark: SparkSession, tmp_path: Path) -> None:
    topics.create_topics(kafka.bootstrap, 2)
    old, base = tmp_path / "old", tmp_path / "base"
    first = Case(spark, kafka.bootstrap, base, "base")
    for part in range(3):
        feed(kafka.bootstrap, part * 100, part * 100 + 100)
        wait_for("the base", lambda: all_exact([first], "base", kafka.bootstrap))
        if part == 0:
            first.stop()
            shutil.copytree(base, old)
            first.query = None
    first.stop()
    position = checkpoints.read_position(first.folder)
    feed(kafka.bootstrap, 300, 400)

    # 1. Files: all at once, since each query plans and runs in a second.
    cases = []
    every: dict[str, Damage] = {**DAMAGES, **HARMLESS, "older copy": lambda path: None}
    for name, damage in every.items():
        home = tmp_path / name.replace(" ", "-")
        damage(copied(old if name == "older copy" else base, home))
        cases.append(Case(spark, kafka.bootstrap, home, name))
    waiting = list(cases)

    def heal_rest() -> bool:
        """Whoever is exact is stopped, and takes the others no CPU."""
        wrong = find_wrong(waiting, "base", kafka.bootstrap)
        for case in [case for case in waiting if case not in wrong]:
            case.stop()
            waiting.remove(case)
        return not waiting

    wait_for("all of them to be exact", heal_rest, every=1)
    healed = {case.name: case.lost() for case in cases}
    assert {name for name, lost in healed.items() if not lost} == {*HARMLESS, "older copy"}
    assert {lost for name in DAMAGES for lost in healed[name]} == {(0, 0, -1, "none"), (1, 0, -1, "none")}
    for name in DAMAGES:
        assert windows(kafka.bootstrap)[name] == in_topic(kafka.bootstrap), f"{name}: all was read again"

    # 2. Retention passes the position.
    lows = {part: place + 7 for part, place in position.items()}
    asked = [TopicPartition(RAW_TRADES, part, low) for part, low in lows.items()]
    admin = topics.create_admin(kafka.bootstrap)  # one that nothing holds takes its answers along
    for future in admin.delete_records(asked).values():
        future.result(120)
    expired = Case(spark, kafka.bootstrap, tmp_path / "expired", "expired")
    copied(base, expired.home)
    wait_for("the rest of the topic", lambda: all_exact([expired], "none", kafka.bootstrap), every=1)
    expired.stop()
    assert expired.lost() == [(part, place, place + 6, "expired") for part, place in sorted(position.items())]
    assert merged(windows(kafka.bootstrap)["base"], windows(kafka.bootstrap)["expired"]) != in_topic(kafka.bootstrap), (
        "the minute in which the topic begins now was fuller before, which the sink keeps"
    )

    # 3. The broker loses the end of its log, as with the power; then goes on at the same offsets.
    ahead = Case(spark, kafka.bootstrap, tmp_path / "ahead", "ahead")
    feed(kafka.bootstrap, 400, 500)
    wait_for("a query that has read it all", lambda: all_exact([ahead], "none", kafka.bootstrap), every=1)
    ahead.stop()
    ahead.query = None
    had = checkpoints.read_position(ahead.folder)
    cut(kafka)
    ends = {part: high for part, (_, high) in bounds(kafka.bootstrap).items()}
    assert any(ends[part] < had[part] for part in had), "the log was cut"
    ahead.name = "after"
    wait_for("the rest of the topic", lambda: all_exact([ahead], "none", kafka.bootstrap), every=1)
    feed(kafka.bootstrap, 500, 510)
    wait_for("what comes then", lambda: all_exact([ahead], "none", kafka.bootstrap), every=1)
    ahead.stop()
    assert [lost for lost in ahead.lost() if lost[-1] != "none"] == [
        (part, ends[part], had[part] - 1, "truncated") for part in sorted(had) if ends[part] < had[part]
    ]
    told: list[dict[str, Any]] = messages(kafka.bootstrap, STREAM_LOSSES)
    assert {row["reader"] for row in told} == {"windows"}
    assert len(told) == 2 * (len(DAMAGES) + 2)


def cut(kafka: KafkaServer) -> None:
    """Take the power away: what the broker had written lately is gone from its larger log."""
    kafka.kill(signal.SIGKILL)
    logs = kafka.folder.glob(f"kafka/data/{RAW_TRADES}-*/*.log")
    log = max(logs, key=lambda file: file.stat().st_size)
    os.truncate(log, log.stat().st_size - 3_000)
    kafka.start()
    wait_for("all partitions' leaders", lambda: answered(kafka.bootstrap))


def answered(bootstrap: KafkaCluster) -> bool:
    """Whether the broker knows all partitions, which it does some time after it accepts connections."""
    try:
        return bool(bounds(bootstrap))
    except KafkaException:
        return False
