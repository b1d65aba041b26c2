"""Windows and whales of past hours, recomputed from the lake by the transforms of the running queries.

A batch over Parquet files instead of a stream over Kafka: the same definition, so the same numbers where nothing came
late, and the right ones where something did. Yields what the topics would carry, for the sink's own parser.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from whale_platform.domain.whale import ThresholdPeriod
from whale_platform.files.scratch_folder import open_scratch_folder
from whale_platform.setting_values import is_local_master
from whale_platform.settings import Settings
from whale_platform.storage.folders import Folder
from whale_platform.stream.lake_query import writer
from whale_platform.stream.query import sweeps, transforms
from whale_platform.stream.query.threshold_file import encode_history
from whale_platform.stream.spark import cluster, jvm_options
from whale_platform.stream.spark.session import pass_secrets
from whale_platform.toolchain import jars, java
from whale_platform.toolchain.errors import ToolchainError

BatchSession = SparkSession
JVM_OPTIONS = ("-XX:+UseSerialGC", *jvm_options.COMMON_JVM_OPTIONS)
CORES = 2  # of a cluster, beside the stream
NO_WATERMARK = "0 seconds"  # a batch has none


def recompute_windows(session: SparkSession, root: Folder, paths: Sequence[str], run_id: str) -> Iterator[bytes]:
    """The values of `trade_windows` messages, one for each final window of these files of the lake."""
    rows = transforms.compute_windows(writer.read_trades(session, root, paths), NO_WATERMARK, run_id, aggregates=True)
    return (row.value.encode() for row in rows.toLocalIterator())


def recompute_whales(
    session: SparkSession, root: Folder, paths: Sequence[str], thresholds: Sequence[ThresholdPeriod], run_id: str
) -> Iterator[bytes]:
    """The values of `whale_alerts` messages. `thresholds`: what held when, oldest first.

    A row of several fills (an exchange's aggregate) is not one trade, and none of them is known to be a whale. A sweep
    comes once for each of its fills from that on by which it is a whale.
    """
    text = F.lit(json.dumps(encode_history(thresholds)))
    known = session.range(1).select(transforms.parse_thresholds(text)).scalar()  # once, and not for each trade
    trades = sweeps.add_sweeps(writer.read_trades(session, root, paths).where("fills = 1")).drop("fills")
    rows = transforms.compute_alerts(trades, known, run_id)
    return (row.value.encode() for row in rows.toLocalIterator())


@contextmanager
def open_batch_session(settings: Settings) -> Iterator[SparkSession]:
    """A session for batches, stopped at the end; its JVM (5 s, about 500 MB) ends with the process.

    Raises ToolchainError as `configure_batch`, OSError where the home can't be written.
    """
    with open_scratch_folder(settings.home.resolve() / "recompute", "spark-") as work:
        builder = SparkSession.builder
        for name, value in prepare_batch(settings, work).items():
            builder = builder.config(name, value)
        session: SparkSession = builder.getOrCreate()
        session.sparkContext.setLogLevel("ERROR")
        try:
            yield session
        finally:
            session.stop()


def prepare_batch(settings: Settings, work: Path) -> dict[str, str]:
    """The settings of `configure_batch` and the log-ins, which this process's environment holds for its JVM."""
    store = settings.object_store
    secrets = {} if store is None else store.java_secrets()
    os.environ.update({**java.build_java_environment(settings.tools), **secrets})
    conf = configure_batch(settings, work)
    return conf if is_local_master(conf["spark.master"]) else conf | pass_secrets(conf, secrets)


def configure_batch(settings: Settings, work: Path) -> dict[str, str]:
    """The Spark settings of a batch, by WHALE_SPARK_BATCH_MASTER on this machine or on a cluster.

    `work`, a folder of its own, takes all scratch files of the driver. Raises ToolchainError where no executor could
    reach it, the cluster's master is unavailable, or jars are missing.
    """
    master, executors = settings.spark_batch_master, dict[str, str]()
    bind, host = "127.0.0.1", "127.0.0.1"
    if not is_local_master(master):
        bind, host = cluster.bind_address(settings), settings.spark_driver_host
        if not cluster.is_master_reachable(master):
            raise ToolchainError(f"the Spark master {master} is unavailable: start it, or see WHALE_SPARK_BATCH_MASTER")
        executors = cluster.executor_settings(settings, ()) | {
            "spark.cores.max": str(CORES),
            "spark.executor.cores": str(CORES),  # an executor of more would never come
        }
    return {
        "spark.app.name": "whale-recompute",
        "spark.master": master,
        "spark.driver.memory": "512m",
        "spark.driver.bindAddress": bind,
        "spark.driver.host": host,
        "spark.driver.extraJavaOptions": " ".join((*JVM_OPTIONS, f'-Djava.io.tmpdir="{work}"')),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.local.dir": str(work),
        "spark.sql.warehouse.dir": str(work / "warehouse"),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(CORES),
        "spark.sql.ansi.enabled": "true",
        **executors,
        **_build_object_store_options(settings),
    }


def _build_object_store_options(settings: Settings) -> dict[str, str]:
    if settings.object_store is None:
        return {}
    paths = jars.find_s3_jars(settings.tools)
    return {"spark.jars": ",".join(map(str, paths)), **settings.object_store.build_hadoop_options()}
