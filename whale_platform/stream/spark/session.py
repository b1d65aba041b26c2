"""The Spark session: the levers that make real-time mode fast on a small machine, each with its reason.

One place, so that a production cluster differs by settings only (`WHALE_SPARK_MASTER`). The connector's jars are an
unsupported pairing with this Spark (see toolchain/jars), held by the tests of this room.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession
from pyspark.sql.streaming import StreamingQuery

from whale_platform.setting_values import is_local_master
from whale_platform.settings import Settings
from whale_platform.stream.spark import archive, cluster, jvm_options
from whale_platform.toolchain import jars, java, java_classes, shuffle_bind

ENDS_WITHIN_S = 10.0  # its sockets close before it is gone


def build_session(settings: Settings, master: str | None = None) -> SparkSession:
    """Start the driver's JVM. Takes some seconds; deletes what an earlier one left, so hold the stream's lease.

    `master`: another one than the settings name. Raises PySparkRuntimeError where Java does not start, ToolchainError
    where jars are missing or not the pinned ones.
    """
    store = settings.object_store
    secrets = settings.bootstrap.java_secrets() | ({} if store is None else store.java_secrets())
    os.environ.update({**java.build_java_environment(settings.tools), **secrets})
    local = is_local_master(master or settings.spark_master)
    shuffle, bare, *connector = archive.find_driver_jars(settings.tools)
    sent = [*([] if local else [bare, *connector]), *([] if store is None else jars.find_s3_jars(settings.tools))]
    bind = cluster.bind_address(settings)
    work, temporary = _prepare_empty_folder(settings.home, "spark"), _prepare_empty_folder(settings.home, "tmp")
    listed = archive.ListedClasses(settings.home)
    archived = [f'"{option}"' for option in archive.find_archive(settings.tools).read_options() if local]
    listing = listed.prepare_listing() if local and not archived and SparkContext._gateway is None else []
    own = (*archived, *listing, f'-Djava.io.tmpdir="{temporary}"', f"-D{shuffle_bind.PROPERTY}={bind}")
    conf = {
        "spark.app.name": "whale-stream",
        "spark.jars": ",".join(map(str, sent)),
        "spark.driver.memory": settings.spark_driver_memory,
        "spark.driver.bindAddress": bind,
        "spark.driver.host": settings.spark_driver_host,
        "spark.driver.extraJavaOptions": " ".join((*jvm_options.DRIVER_JVM_OPTIONS, *own)),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.local.dir": str(work),
        "spark.sql.warehouse.dir": str(work / "warehouse"),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.shuffle.partitions": str(settings.stream_reducers),
        # How long a row of the windows' query waits for others; a thread of each task wakes up as often.
        "spark.shuffle.streaming.networkBufferMaxWaitTimeMs": "5" if settings.stream_mode == "realtime" else "100",
        # What stands here is in the class data archive; executors elsewhere get the connector by spark.jars.
        "spark.driver.extraClassPath": os.pathsep.join(map(str, [shuffle, bare, *(connector if local else [])])),
        # Where Spark finds `read_trade`.
        f"spark.sql.catalog.{java_classes.CATALOG}": java_classes.CATALOG_CLASS,
        # Without libhadoop every checkpoint file costs a forked chmod; this file system does not fork.
        "spark.hadoop.fs.file.impl": "com.globalmentor.apache.hadoop.fs.BareLocalFileSystem",
        "spark.sql.streaming.checkpointFileManagerClass": (
            "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager"
        ),
        "spark.sql.streaming.stateStore.providerClass": (
            "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
        ),
        # Both modes read this state, so that the windows' query can change between them.
        "spark.sql.streaming.stateStore.checkpointFormatVersion": "2",
        "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
        "spark.sql.streaming.stateStore.rocksdb.boundedMemoryUsage": "true",
        "spark.sql.streaming.stateStore.rocksdb.maxMemoryUsageMB": "64",
        "spark.sql.streaming.minBatchesToRetain": "20",
        "spark.sql.streaming.noDataMicroBatches.enabled": "false",
        "spark.sql.streaming.numRecentProgressUpdates": "5",
    }
    if not local:
        conf |= cluster.executor_settings(settings, (shuffle, bare))
    conf |= {} if store is None else store.build_hadoop_options()
    conf["spark.master"] = master or settings.spark_master
    if not local:
        conf |= pass_secrets(conf, secrets)
    builder = SparkSession.builder
    for name, value in conf.items():
        builder = builder.config(name, value)
    session: SparkSession = builder.getOrCreate()
    session.sparkContext.setLogLevel("WARN")
    if listing:
        listed.classpath.write_text(session._jvm.java.lang.System.getProperty("java.class.path"))
    return session


def has_running_tasks(session: SparkSession, least: int, query: StreamingQuery) -> bool:
    """Whether `least` tasks of one stage of the query run now, here or on executors."""
    tracker = session.sparkContext.statusTracker()
    jobs = [tracker.getJobInfo(job) for job in tracker.getJobIdsForGroup(query.runId)]
    stages = [tracker.getStageInfo(stage) for job in jobs if job is not None for stage in job.stageIds]
    return any(stage is not None and stage.numActiveTasks >= least for stage in stages)


def pass_secrets(conf: Mapping[str, str], secrets: Mapping[str, str]) -> dict[str, str]:
    """The settings by which executors elsewhere get `secrets` as environment variables; starts the JVM of `conf`.

    What is set before the JVM runs stands on its command line, for every user of this machine to see.
    """
    if secrets:
        SparkContext._ensure_initialized(conf=SparkConf(loadDefaults=False).setAll(list(conf.items())))
    return {f"spark.executorEnv.{name}": text for name, text in secrets.items()}


def _prepare_empty_folder(home: Path, name: str) -> Path:
    """A folder that a JVM empties at its end unless it is killed; as it is where this process has its JVM already."""
    folder = home.absolute() / "stream" / name
    if SparkContext._gateway is None:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def read_jvm_exit_code() -> int | None:
    """The exit code of this process's JVM, which may be about to end; None where it lives on or none was started."""
    gateway = SparkContext._gateway
    if gateway is None:
        return None
    with contextlib.suppress(subprocess.TimeoutExpired):
        gateway.proc.wait(ENDS_WITHIN_S)
    code: int | None = gateway.proc.poll()
    return code


def read_java_trace(query: StreamingQuery) -> str:
    """The whole Java trace, causes included, of what ended a query; empty where nothing did."""
    found, context = query._jsq.exception(), SparkContext._active_spark_context
    if context is None or context._jvm is None or not found.isDefined():
        return ""
    return str(context._jvm.org.apache.spark.util.Utils.exceptionString(found.get()))
