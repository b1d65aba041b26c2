"""The two real-time queries: where they read, write and checkpoint, in either mode.

Real-time mode answers in milliseconds and takes a checkpoint each `stream_trigger`; micro-batch mode runs the same
transforms where real-time mode is refused. Their state formats differ, so each mode has its own checkpoints. A
change of a transform that old state can't carry raises that query's version here, which starts a fresh checkpoint
beside the old one and reads the topic again.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming import DataStreamReader, StreamingQuery

from whale_platform.broker import topics
from whale_platform.broker.reader import TopicReader
from whale_platform.domain.names import RAW_TRADES, TRADE_WINDOWS
from whale_platform.settings import Settings
from whale_platform.stream import checkpoints, transforms
from whale_platform.stream.checkpoints import Label
from whale_platform.stream.thresholds import ThresholdFile

VERSIONS = {"windows": 1, "whales": 1}
STAGGER_S = 4.0  # apart, each plans with both cores, at the start and at every checkpoint


@dataclass(frozen=True, slots=True)
class Place:
    """What identifies the source topic, and what is still in it."""

    cluster_id: str
    topic_id: str
    earliest: dict[int, int]


def locate(settings: Settings) -> Place | None:
    """Where the raw trades are now; None while the topic does not exist. Raises KafkaException with the broker away."""
    found = topics.describe(settings.bootstrap, [RAW_TRADES, TRADE_WINDOWS])
    if len(found) < 2:
        return None
    reader = TopicReader(settings.bootstrap, "stream-locate")
    try:
        earliest = {part: reader.bounds(RAW_TRADES, part)[0] for part in reader.partitions(RAW_TRADES)}
    finally:
        reader.close()
    return Place(topics.cluster_id(settings.bootstrap), found[RAW_TRADES].topic_id, earliest)


def start(
    session: SparkSession, settings: Settings, place: Place, file: ThresholdFile, run_id: str
) -> dict[str, StreamingQuery]:
    """Start both queries. Raises Unfit, before anything runs, where a checkpoint does not fit."""
    folders = {
        query: checkpoints.prepare(
            settings.home,
            Label(query, settings.stream_mode, version, place.cluster_id, RAW_TRADES, place.topic_id),
            place.earliest,
        )
        for query, version in VERSIONS.items()
    }
    running: dict[str, StreamingQuery] = {}
    begun = time.monotonic()
    for query, build in _builders(session, settings, file, run_id).items():
        if running and settings.stream_mode == "realtime":
            time.sleep(max(0.0, STAGGER_S - (time.monotonic() - begun)))
        kafka = source(session, settings)
        if settings.stream_mode == "microbatch":
            kafka = kafka.option("maxOffsetsPerTrigger", "500000")
        rows = build(kafka.load())
        writer = (
            rows.writeStream.format("kafka")
            .queryName(query)
            .outputMode("update")
            .option("kafka.bootstrap.servers", settings.bootstrap)
            .option("kafka.compression.type", "lz4")
            .option("kafka.linger.ms", "1")
            .option("kafka.batch.size", "262144")
            .option("checkpointLocation", str(folders[query].absolute()))
        )
        if query == "windows":
            writer = writer.option("topic", TRADE_WINDOWS)
        if settings.stream_mode == "realtime":
            writer = writer.trigger(realTime=settings.stream_trigger)
        running[query] = writer.start()
    return running


def rehearsals(
    session: SparkSession, settings: Settings, file: ThresholdFile, run_id: str
) -> list[Callable[[], DataFrame]]:
    """What plans like the running queries but reads a small file: for rehearsal.py."""

    def planned_from(build: Callable[[DataFrame], DataFrame]) -> Callable[[], DataFrame]:
        return lambda: build(session.read.text(str(file.path.absolute())))

    return [planned_from(build) for build in _builders(session, settings, file, run_id).values()]


def explain(error: Any, query: str) -> str | None:
    """What a failed query's error means for a person, where starting it again can't help; else None."""
    text = str(error)
    for sign, meaning in _HOPELESS.items():
        if sign in text:
            return f"query {query} stopped: {meaning}. {checkpoints.remedy(query)}"
    return None


_HOPELESS = {
    "STATE_STORE": "its state can't be read with this code or is damaged",
    "STDS_": "its state can't be read with this code or is damaged",
    "STREAMING_STATEFUL_OPERATOR": "its state was written by another form of the query",
    "Incomplete log file": "a checkpoint file is torn",
    "MalformedJsonException": "a checkpoint file is torn",
    "Failed to parse": "a checkpoint file is torn",
    "data may have been lost": "trades it had not read are gone from the topic",
    "KAFKA_DATA_LOSS": "trades it had not read are gone from the topic",
    "offset was changed from": "the topic has fewer trades than the checkpoint says were read",
    "UNSUPPORTED_LOG_VERSION": "its checkpoint was written by another Spark",
}


def _builders(
    session: SparkSession, settings: Settings, file: ThresholdFile, run_id: str
) -> dict[str, Callable[[DataFrame], DataFrame]]:
    table = session.read.text(str(file.path.absolute()), wholetext=True)
    thresholds = table.select(F.from_json("value", f"map<string,{transforms.DECIMAL}>")).scalar()
    return {
        "windows": lambda kafka: transforms.windows(transforms.trades(kafka), settings.stream_watermark, run_id),
        "whales": lambda kafka: transforms.alerts(transforms.trades(kafka), thresholds, run_id),
    }


def source(session: SparkSession, settings: Settings) -> DataStreamReader:
    """The raw trades, from the topic's start or the query's checkpoint; never on over trades that are gone."""
    return (
        session.readStream.format("kafka")
        .option("kafka.bootstrap.servers", settings.bootstrap)
        .option("subscribe", RAW_TRADES)
        .option("startingOffsets", "earliest")
        .option("failOnDataLoss", "true")
        .option("kafka.fetch.max.wait.ms", "250")
    )
