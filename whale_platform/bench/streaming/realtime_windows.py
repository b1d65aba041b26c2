"""Spark's own benchmark of windows in real-time mode, with this platform's session, source and sink.

Spark commits `RTMKafkaWindowAggregationBenchmark` and its results: 1,000 records/s of 1,000 keys in turn are counted by
key and minute; each record updates its window at once, without a watermark. An update's latency is its own Kafka time
minus that of the newest record in it, both as their producers wrote them, so it ends where the message is created. What
comes in the warm-up does not count. Three executors of five cores, which Spark has there, are this machine's here.

A window that is wrong, or an update missing, raises UpdatesWrongError.
"""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from whale_platform.bench.harness.broker import run_broker
from whale_platform.bench.harness.latency_summary import summarise_latencies
from whale_platform.bench.harness.platform import Platform, wait_for
from whale_platform.broker import topics
from whale_platform.broker.producer import TradeProducer
from whale_platform.broker.reader import KafkaRecord, TopicReader
from whale_platform.domain.names import RAW_TRADES, TRADE_WINDOWS
from whale_platform.settings import Settings
from whale_platform.stream.query import queries
from whale_platform.stream.spark import session as spark_session

PARTITIONS = 2
STEP_S = 0.001
MINUTE_MS = 60_000


class UpdatesWrongError(Exception):
    """A window's count is wrong, or a record has not led to one update."""


def measure_realtime(
    folder: Path, seconds: float, warm_s: float, rate: float, keys: int, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Latencies in ms of the updates after the warm-up, by percentile. Raises UpdatesWrongError."""
    with run_broker(Platform(folder)) as broker:
        settings = broker.model_copy(update={"home": folder / "home", "kafka_bootstrap": str(broker.bootstrap)})
        settings.home.mkdir()
        topics.create_topics(settings.bootstrap, PARTITIONS)
        session = spark_session.build_session(settings)
        try:
            query = queries.start_query(
                _count_by_minute(session, settings), settings, "windows", "realtime", settings.home / "checkpoint"
            )
            tell(f"{rate:g} records/s for {seconds:g} s, of which the first {warm_s:g} s do not count")
            begun_ms = round(time.time() * 1000)
            sent = _send(settings, seconds, rate, keys)
            wait_for("every update", lambda: _count_messages(settings) >= sent, 600, every=1)
            query.stop()
        finally:
            session.sparkContext.setLogLevel("ERROR")  # its producers outlive it, and warn of the broker's end
            session.stop()
        return {"records": sent, "keys": keys, "rate": rate, **_judge(settings, begun_ms + round(warm_s * 1000))}


def _count_by_minute(session: SparkSession, settings: Settings) -> DataFrame:
    records = queries.read_source(session, settings, "windows", "realtime").load()
    newest = F.max(F.unix_millis("timestamp"))
    counted = records.groupBy(F.window("timestamp", "1 minute"), "key").agg(F.count("*").alias("n"), newest.alias("at"))
    return counted.select("key", F.concat_ws(" ", "n", "at").cast("binary").alias("value"))


def _send(settings: Settings, seconds: float, rate: float, keys: int) -> int:
    producer = TradeProducer(settings.bootstrap, "bench", linger_ms=0)
    begun, sent = time.monotonic(), 0
    while (passed := time.monotonic() - begun) < seconds:
        while sent < passed * rate:
            sent += 1
            producer.send(RAW_TRADES, b"%d" % (sent % keys), b"%d" % sent)
        time.sleep(STEP_S)
    producer.close(60)
    return sent


def _count_messages(settings: Settings) -> int:
    reader = TopicReader(settings.bootstrap, "bench")
    try:
        return sum(reader.bounds(TRADE_WINDOWS, part)[1] for part in range(PARTITIONS))
    finally:
        reader.close()


def _judge(settings: Settings, from_ms: int) -> dict[str, Any]:
    records, wanted = _read(settings, RAW_TRADES), Counter[tuple[bytes | None, int]]()
    for one in records:
        wanted[one.key, one.timestamp_ms // MINUTE_MS] += 1
    updates, found, late = _read(settings, TRADE_WINDOWS), Counter[tuple[bytes | None, int]](), list[float]()
    for one in updates:
        assert one.value is not None
        count, newest = (int(text) for text in one.value.split())
        found[one.key, newest // MINUTE_MS] = max(count, found[one.key, newest // MINUTE_MS])
        if newest >= from_ms:
            late.append((one.timestamp_ms - newest) / 1000)
    if found != wanted or len(updates) != len(records):
        raise UpdatesWrongError(
            f"{sum(found[key] != count for key, count in wanted.items())} of {len(wanted)} windows are wrong, "
            f"{len(updates):,} updates came of {len(records):,} records"
        )
    return {"windows": len(wanted), "latency_ms": summarise_latencies(late)}


def _read(settings: Settings, topic: str) -> list[KafkaRecord]:
    reader = TopicReader(settings.bootstrap, "bench")
    try:
        parts = range(PARTITIONS)
        return [one for part in parts for one in reader.scan(topic, part, *reader.bounds(topic, part))]
    finally:
        reader.close()
