"""The windows' query through its modes on real Spark and Kafka: one checkpoint, counts exact, nothing dropped late.

The backlog is the one that a watermark over all partitions ruins: one partition is hours deep, the other is nearly up
to date and read first. A micro-batch takes few trades here, so that there are many batches in a small backlog.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from whale_platform.bench.harness.platform import wait_for
from whale_platform.broker import topics
from whale_platform.broker.producer import TradeProducer
from whale_platform.broker.topic_offsets import TopicOffsets
from whale_platform.contracts import raw_trade
from whale_platform.domain.names import RAW_TRADES, TRADE_WINDOWS
from whale_platform.domain.trade import Trade
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.settings import Settings
from whale_platform.stream.monitoring.progress_reports import ProgressReports
from whale_platform.stream.monitoring.topic_flow import TopicFlow
from whale_platform.stream.query import checkpoints, queries
from whale_platform.stream.query.mode_policy import Mode
from whale_platform.stream.spark import session
from whale_platform_tests.stream.real_stream import expected, messages, totals, trade
from whale_platform_tests.support.kafka_server import KafkaServer as Kafka
from whale_platform_tests.support.spark_jvm import end_own_jvm

pytestmark = [pytest.mark.process, pytest.mark.timeout(1800)]
HOUR = 36_000  # numbers of `trade`, a tenth of a second each
STEP = 20


class Switched:
    """The query on one checkpoint, begun anew in a mode again and again, and what it is behind."""

    def __init__(self, spark: SparkSession, settings: Settings) -> None:
        place = queries.inspect_source(settings)
        assert place is not None
        self._spark, self._settings = spark, settings
        self._folders = {
            query: checkpoints.prepare_folder(settings.home, label, place.earliest, place.ends)
            for query, label in queries.build_labels(settings, place).items()
        }
        self.flow = TopicFlow(settings, spark, sorted(place.earliest), self._folders, "run")
        self._reports = ProgressReports()

    def drain(self, mode: Mode, wait_longer: bool = True) -> int:
        """Run in `mode` until nothing is left, then stop; rows that came too late."""
        self.flow.update({})
        spread_s = self.flow.spread_s("windows") if wait_longer else 0.0
        query = queries.start_windows(self._spark, self._settings, self._folders["windows"], "run", mode, spread_s)
        self.flow.mark_start("windows")

        def done() -> bool:
            assert query.isActive, query.exception()
            self.flow.update({"windows": mode})
            self._reports.poll(time.monotonic(), "windows", query, self.flow.committed["windows"].batch)
            return self.flow.behind["windows"].trades == 0

        wait_for(f"all windows in {mode}", done, 600)
        query.stop()
        return self._reports.late_rows


@pytest.fixture
def settings(kafka: Kafka, tmp_path: Path) -> Settings:
    topics.create_topics(kafka.bootstrap, 2)
    return Settings.model_validate(
        {"home": tmp_path, "kafka_bootstrap": str(kafka.bootstrap), "stream_trigger": "5 seconds"}
    )


@pytest.fixture
def spark(settings: Settings) -> Iterator[SparkSession]:
    with end_own_jvm():
        built = session.build_session(settings)
        yield built
        built.stop()


def produce(bootstrap: KafkaCluster, deep: list[Trade], near: list[Trade]) -> None:
    """Each to a partition of its own, as their keys would have it in a larger topic, with markers of transactions."""
    producer = TradeProducer(bootstrap, "test", writer="ingester-1-of-1")
    producer.claim(300)
    for part, trades in enumerate((deep, near)):
        for number, one in enumerate(trades, 1):
            producer._producer.produce(
                RAW_TRADES, raw_trade.encode_trade(one), raw_trade.encode_key(one.exchange, one.symbol), part
            )
            if number == len(trades) // 2:
                producer._commit()
    assert producer.close(60) == 0


def test_nothing_is_lost_or_doubled_whatever_the_modes_are(
    kafka: Kafka, spark: SparkSession, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "MAX_BATCH_MESSAGES", "1000")
    switched = Switched(spark, settings)
    made: list[Trade] = []
    modes: tuple[Mode, ...] = ("microbatch", "realtime", "microbatch", "realtime")
    for round_, mode in enumerate(modes):
        first = round_ * 3 * HOUR
        deep = [trade("A", number) for number in range(first, first + 3 * HOUR, STEP)]
        near = [trade("B", number) for number in range(first + 3 * HOUR - 10, first + 3 * HOUR)]
        produce(kafka.bootstrap, deep, near)
        made += [*deep, *near]
        before = len(messages(kafka.bootstrap, TRADE_WINDOWS))
        late = switched.drain(mode)
        assert totals(kafka.bootstrap) == expected(made), mode
        emitted = len(messages(kafka.bootstrap, TRADE_WINDOWS)) - before
        if mode == "microbatch":
            assert 3 * emitted < len(deep), "a message of each window that a batch changes, not of each trade"
        edges = TopicOffsets(kafka.bootstrap, {RAW_TRADES: (0, 1)}).read()[RAW_TRADES]
        assert sum(end for _, end in edges.values()) > len(made), "the ends are markers, which are no trades"
        assert late == 0, mode
