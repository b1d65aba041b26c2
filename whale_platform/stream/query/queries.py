"""The two queries that answer people: where they read, write and checkpoint, in either mode.

Real-time mode answers in milliseconds and takes a checkpoint each `stream_trigger`; micro-batches run the same
transforms where real-time mode can't keep up or is refused. The windows' query changes between them (windows_query.py)
over one checkpoint, whose state both can read (format 2, session.py); whales stay in one mode, whose checkpoint is
theirs. A change of a transform that old state can't carry raises that query's version here, which starts a fresh
checkpoint beside the old one and reads the topic again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming import DataStreamReader, StreamingQuery

from whale_platform.broker import topics
from whale_platform.broker.naming import add_prefix
from whale_platform.broker.reader import TopicReader
from whale_platform.domain.names import RAW_TRADES, STREAM_POSITIONS, TRADE_WINDOWS
from whale_platform.setting_values import is_local_master
from whale_platform.settings import Settings, StreamMode
from whale_platform.storage import folders
from whale_platform.storage.folders import Folder
from whale_platform.stream.query import transforms
from whale_platform.stream.query.checkpoints import CheckpointLabel
from whale_platform.stream.query.mode_policy import Mode
from whale_platform.stream.query.threshold_file import ThresholdFile

VERSIONS = {"windows": 2, "whales": 1}
MICROBATCH_S = 1.0
GATHER_MS, GATHER_BYTES = "250", "262144"  # see `gathers_windows`
MAX_BATCH_MESSAGES = "500000"  # messages a micro-batch at most, so that a backlog does not fill the heap
MAX_SPREAD_S = 7 * 24 * 3600  # what the topic keeps


@dataclass(frozen=True, slots=True)
class SourceTopic:
    """What identifies the source topic, and what is in it: {partition: first offset}, {partition: next to come}."""

    cluster_id: str
    topic_id: str
    earliest: dict[int, int]
    ends: dict[int, int]


def inspect_source(settings: Settings) -> SourceTopic | None:
    """Where the raw trades are now; None while the topic does not exist. Raises KafkaException while the broker is
    unavailable."""
    names = [RAW_TRADES, TRADE_WINDOWS, *([] if is_local_master(settings.spark_master) else [STREAM_POSITIONS])]
    found = topics.describe_topics(settings.bootstrap, names)
    if len(found) < len(names):
        return None
    reader = TopicReader(settings.bootstrap, "stream-locate")
    try:
        bounds = {part: reader.bounds(RAW_TRADES, part) for part in reader.list_partitions(RAW_TRADES)}
    finally:
        reader.close()
    earliest, ends = ({part: both[side] for part, both in bounds.items()} for side in (0, 1))
    return SourceTopic(topics.fetch_cluster_id(settings.bootstrap), found[RAW_TRADES].topic_id, earliest, ends)


def build_labels(settings: Settings, place: SourceTopic) -> dict[str, CheckpointLabel]:
    """What the checkpoint of each query has to belong to; the windows' one is the same in both modes."""
    modes = {"windows": "", "whales": choose_whales_mode(settings)}
    reducers = {"windows": settings.stream_reducers, "whales": 1}
    return {
        query: CheckpointLabel(
            query, modes[query], version, place.cluster_id, add_prefix(RAW_TRADES), place.topic_id, reducers[query]
        )
        for query, version in VERSIONS.items()
    }


def choose_whales_mode(settings: Settings) -> Mode:
    """The mode of the whales' query, which never changes while it runs."""
    return "microbatch" if settings.stream_mode == "microbatch" else "realtime"


def choose_windows_modes(settings: Settings) -> StreamMode:
    """The setting as the windows' query has it; on a cluster `auto` is micro-batches, which outlive a lost executor."""
    fixed = settings.stream_mode == "auto" and not is_local_master(settings.spark_master)
    return "microbatch" if fixed else settings.stream_mode


def gathers_windows(settings: Settings) -> bool:
    """Whether windows in real time are read and written four times a second, unless they are asked for at once.

    What comes trade by trade costs the broker a request each, the sink a transaction and the API a rendering.
    """
    return settings.stream_mode != "realtime"


def start_whales(
    session: SparkSession, settings: Settings, folder: Folder, file: ThresholdFile, run_id: str
) -> StreamingQuery:
    """Start the query of whales and dead letters; its rows name their topics."""
    mode = choose_whales_mode(settings)
    kafka = read_source(session, settings, "whales", mode).load()
    rows = _compute_alert_rows(settings, _read_trades(kafka), read_thresholds(session, file), run_id)
    return start_query(rows, settings, "whales", mode, folder)


def start_whales_copy(
    session: SparkSession, settings: Settings, folder: Folder, file: ThresholdFile, run_id: str
) -> StreamingQuery:
    """Start a copy of the real-time whales' query at the topic's end, which tells nobody how far it is.

    It leaves dead letters to the query: they are counted, and have no identity by which a second one could be told.
    """
    kafka = read_source(session, settings, "cover", "realtime").option("startingOffsets", "latest").load()
    rows = transforms.compute_alerts(_read_trades(kafka).where("good"), read_thresholds(session, file), run_id)
    return start_query(rows, settings, "whales-copy", "realtime", folder)


def start_windows(
    session: SparkSession, settings: Settings, folder: Folder, run_id: str, mode: Mode, spread_s: float
) -> StreamingQuery:
    """Start the windows' query. The watermark waits `spread_s` seconds longer than it is set to.

    That is how far the trades that wait lie apart: with less, the partition that is read first would move the
    watermark past what the others still hold. A switch changes nothing else: both modes go on from one checkpoint.
    """
    source = read_source(session, settings, "windows", mode)
    if mode == "realtime" and gathers_windows(settings):
        source = source.option("kafka.fetch.min.bytes", GATHER_BYTES)
    kafka = source.load()
    watermark = f"{settings.stream_watermark} {ceil(min(spread_s, MAX_SPREAD_S))} seconds"
    rows = transforms.compute_windows(_read_trades(kafka), watermark, run_id)
    return start_query(rows, settings, "windows", mode, folder)


def start_query(rows: DataFrame, settings: Settings, query: str, mode: Mode, folder: Folder) -> StreamingQuery:
    """Start the query of these messages; where it is not `windows`, each names its topic."""
    writer = (
        rows.writeStream.format("kafka")
        .queryName(query)
        .outputMode("update")
        .options(**settings.bootstrap.spark_options())
        .option("kafka.acks", "all")
        .option("kafka.enable.idempotence", "true")
        .option("kafka.compression.type", "lz4")
        .option("kafka.linger.ms", "1")
        .option("kafka.batch.size", "262144")
        .option("checkpointLocation", folders.spark_path(folder))
    )
    if query == "windows":
        writer = writer.option("topic", add_prefix(TRADE_WINDOWS))
        if gathers_windows(settings):  # a micro-batch is flushed at its end
            writer = writer.option("kafka.linger.ms", GATHER_MS)
    if mode == "realtime":
        return writer.trigger(realTime=settings.stream_trigger).start()
    return writer.trigger(processingTime=f"{MICROBATCH_S:g} seconds").start()


def build_warm_ups(
    session: SparkSession, settings: Settings, file: ThresholdFile, run_id: str, whales_pause: bool
) -> list[Callable[[], DataFrame]]:
    """What plans like the running queries but reads a small file: for warm_up.py.

    Only of those whose pause at a checkpoint shows: whales where `whales_pause`, windows that are not gathered.
    """

    def read_trades() -> DataFrame:
        place = [F.lit(0).alias("partition"), F.lit(0).cast("bigint").alias("offset")]
        return _read_trades(session.read.text(folders.spark_path(file.path)).select("value", *place))

    def whales() -> DataFrame:
        return _compute_alert_rows(settings, read_trades(), read_thresholds(session, file), run_id)

    def windows() -> DataFrame:
        return transforms.compute_windows(read_trades(), settings.stream_watermark, run_id)

    return [*([whales] if whales_pause else []), *([] if gathers_windows(settings) else [windows])]


def _read_trades(kafka: DataFrame) -> DataFrame:
    return transforms.parse_trades(transforms.add_offsets(kafka), kept=transforms.OFFSET_COLUMNS)


def _compute_alert_rows(settings: Settings, trades: DataFrame, thresholds: Column, run_id: str) -> DataFrame:
    return transforms.compute_alerts(trades, thresholds, run_id, positions=not is_local_master(settings.spark_master))


def read_thresholds(session: SparkSession, file: ThresholdFile) -> Column:
    """The thresholds and what held before them as a scalar subquery: read again at each batch."""
    table = session.read.text(folders.spark_path(file.path), wholetext=True)
    return table.select(transforms.parse_thresholds(F.col("value"))).scalar()


def read_source(session: SparkSession, settings: Settings, query: str, mode: Mode) -> DataStreamReader:
    """The raw trades, from the topic's start or the query's checkpoint; never on over trades that are gone.

    A micro-batch takes MAX_BATCH_MESSAGES of them at most, of each partition its share of the backlog.
    """
    kafka = (
        session.readStream.format("kafka")
        .options(**settings.bootstrap.spark_options())
        .option("subscribe", add_prefix(RAW_TRADES))
        .option("startingOffsets", "earliest")
        .option("failOnDataLoss", "true")
        .option("kafka.fetch.max.wait.ms", GATHER_MS)
        .option("groupIdPrefix", add_prefix(query))
    )
    return kafka if mode == "realtime" else kafka.option("maxOffsetsPerTrigger", MAX_BATCH_MESSAGES)
