"""Enough task slots for the queries that hold one for good, created on this machine and waited for on a cluster.

Real-time mode hangs with fewer: each of its queries holds one for a partition, the windows' one for each reducer too,
and the lake's query needs one. The copy that covers the whales' checkpoints needs one more for a partition; on this
machine there always are. Workers come late and go; nothing of that is a reason to end: what lacks is said as
`degraded`, and the stream goes on when it is there.
"""

from pyspark.sql import SparkSession

from whale_platform.setting_values import is_local_master
from whale_platform.storage import folders
from whale_platform.stream.main_loop import START_S
from whale_platform.stream.spark import cluster, session
from whale_platform.supervision.runtime.runner import ServiceContext

EVERY_S = 1.0
PROBE_EVERY_S = 10.0


def count_needed_slots(topic_partitions: int, reducers: int) -> int:
    """How many task slots the three queries need."""
    return 2 * topic_partitions + reducers + 1


def count_slots_with_cover(topic_partitions: int, reducers: int) -> int:
    """How many they need while a copy of the whales' query covers its checkpoint."""
    return count_needed_slots(topic_partitions, reducers) + topic_partitions


def wait_for_master(context: ServiceContext) -> None:
    """Return once the cluster's master takes connections, or `context.stop` is set."""
    master = context.settings.spark_master
    while not cluster.is_master_reachable(master) and not context.stop.is_set():
        context.record_progress(next_within_s=START_S)
        context.report_state("degraded", f"the Spark master {master} is unavailable, connecting again")
        context.stop.wait(EVERY_S)


def ensure_slots(context: ServiceContext, spark: SparkSession, topic_partitions: int) -> SparkSession:
    """The session, or a new one in its place, once it has the slots and its executors see the driver's folders.

    On this machine slots are threads, and as many are made as needed. Returns early where `context.stop` is set.
    """
    settings = context.settings
    wanted = count_needed_slots(topic_partitions, settings.stream_reducers)
    if is_local_master(settings.spark_master):
        wanted = count_slots_with_cover(topic_partitions, settings.stream_reducers)
        _wait_for_object_store(context)
        if spark.sparkContext.defaultParallelism >= wanted:
            return spark
        context.log.warning("more task slots than WHALE_SPARK_MASTER says", master=settings.spark_master, slots=wanted)
        spark.stop()
        return session.build_session(settings, f"local[{wanted}]")
    _wait_for_object_store(context)
    while (lacking := explain_shortage(spark, wanted)) and not context.stop.is_set():
        context.record_progress(next_within_s=START_S)
        context.report_state("degraded", f"{lacking}; waiting")
        context.stop.wait(EVERY_S)
    for folder in (settings.stream_home, settings.trades_lake.parent):
        while not context.stop.is_set() and (problem := cluster.explain_unshared(spark, folder, wanted)):
            context.record_progress(next_within_s=START_S)
            context.report_state("degraded", problem)
            context.stop.wait(PROBE_EVERY_S)
    return spark


def _wait_for_object_store(context: ServiceContext) -> None:
    """Return once what lies in an object store can be written there, or `context.stop` is set."""
    for folder in filter(folders.is_remote, (context.settings.stream_home, context.settings.trades_lake.parent)):
        while not context.stop.is_set() and (problem := folders.explain_unusable(folder)):
            context.record_progress(next_within_s=START_S)
            context.report_state("degraded", f"{problem}; waiting")
            context.stop.wait(PROBE_EVERY_S)


def explain_shortage(spark: SparkSession, wanted: int) -> str:
    """What lacks of `wanted` task slots, in one sentence; empty where they are there."""
    slots = spark.sparkContext.defaultParallelism
    if slots >= wanted:
        return ""
    return (
        f"Spark's workers have {slots} of the {wanted} task slots that are needed: start one, or give them more cores"
    )
