"""The stream service: one Spark driver, its queries, and a clear message for each way they can fail.

It waits for broker and topics and ends on a failed query: the supervisor starts it again and Spark resumes from its
last checkpoint, so the sink sees updates again, never gaps. A useless checkpoint is replaced by a fresh one
(recovery.py); one of another Kafka cluster alone waits for a person (exit BLOCKED). The lake's query fails alone
(lake_query/supervisor.py). What runs when is in main_loop.py.
"""

import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.streaming import StreamingQuery

from whale_platform.broker.connection_errors import explain_unavailable
from whale_platform.broker.errors import BrokerError
from whale_platform.broker.topics import is_reachable
from whale_platform.setting_values import is_local_master, parse_duration_s
from whale_platform.storage.errors import ObjectStoreError
from whale_platform.stream import slots
from whale_platform.stream.checkpoint_cover import SHORTEST_S, CheckpointCover
from whale_platform.stream.errors import ForeignCheckpointError
from whale_platform.stream.lake_query.supervisor import LakeQuerySupervisor
from whale_platform.stream.main_loop import START_S, MainLoop, stop_quietly
from whale_platform.stream.monitoring.topic_flow import TopicFlow
from whale_platform.stream.query import queries
from whale_platform.stream.query.checkpoints import CheckpointLabel
from whale_platform.stream.query.mode_policy import Mode
from whale_platform.stream.query.recovery import QueryRecovery, publish_losses
from whale_platform.stream.query.threshold_file import EVERY_S, ThresholdFile
from whale_platform.stream.spark import session
from whale_platform.stream.spark.warm_up import start_warm_up
from whale_platform.stream.windows_query import WindowsQuery
from whale_platform.supervision.runtime import exit_codes
from whale_platform.supervision.runtime.runner import ServiceContext
from whale_platform.toolchain.errors import ToolchainError
from whale_platform.version import new_run_id

POLL_S = 0.5


def main(context: ServiceContext) -> int:
    """Run until `context.stop`; returns the exit code."""
    settings = context.settings
    run_id = new_run_id("stream")
    context.heartbeat.numbers.update(mode=settings.stream_mode, run=run_id)
    slots.wait_for_master(context)
    if context.stop.is_set():
        return exit_codes.CLEAN
    context.report_state("starting", "starting Spark")
    context.record_progress(next_within_s=START_S)
    try:
        spark = session.build_session(settings)
    except ToolchainError as error:
        return context.report_blocked(str(error))
    except (PySparkException, Py4JError) as error:
        if is_local_master(settings.spark_master):
            raise
        context.report_state(
            "degraded", f"the Spark master {settings.spark_master} gave no session, trying again: {error}"
        )
        return exit_codes.RETRY
    try:
        place = _wait_for_topics(context)
        if place is None:
            return exit_codes.CLEAN
        spark = slots.ensure_slots(context, spark, len(place.earliest))
        if context.stop.is_set():
            return exit_codes.CLEAN
        context.record_progress(next_within_s=START_S)
        file = ThresholdFile(settings, context.log)
        file.refresh()
        healer = QueryRecovery(settings, context.log, partial(queries.inspect_source, settings), publish_losses)
        labels = queries.build_labels(settings, place)
        folders = healer.prepare(labels.values(), place)
        flow = TopicFlow(settings, spark, sorted(place.earliest), folders, run_id)
        threading.Thread(target=_refresh_thresholds, args=(context, file), name="thresholds", daemon=True).start()

        def start_windows(mode: Mode) -> StreamingQuery:
            spread_s = flow.spread_s("windows")
            return queries.start_windows(spark, settings, folders["windows"], run_id, mode, spread_s)

        def start_copy(folder: Path) -> StreamingQuery:
            return queries.start_whales_copy(spark, settings, folder, file, run_id)

        cover = _build_cover(context, spark, len(place.earliest), start_copy)
        whales_pause = cover is None and queries.choose_whales_mode(settings) == "realtime"
        watch = MainLoop(
            context,
            flow,
            queries.start_whales(spark, settings, folders["whales"], file, run_id),
            cover,
            WindowsQuery(start_windows, queries.choose_windows_modes(settings), context.log),
            LakeQuerySupervisor(context, spark, place, run_id, healer),
            healer,
            partial(_handle_failure, context, healer, labels),
            partial(start_warm_up, queries.build_warm_ups(spark, settings, file, run_id, whales_pause), context.stop),
            partial(
                slots.explain_shortage, spark, slots.count_needed_slots(len(place.earliest), settings.stream_reducers)
            ),
        )
        return watch.run()
    except ForeignCheckpointError as foreign:
        return context.report_blocked(str(foreign))
    except BrokerError as error:
        context.report_state("degraded", f"the Kafka broker is unreachable, starting again: {error}")
        return exit_codes.RETRY
    except ObjectStoreError as error:
        context.report_state("degraded", f"{error}; starting again")
        return exit_codes.RETRY
    finally:
        stop_quietly(spark.stop)


def _build_cover(
    context: ServiceContext, spark: SparkSession, topic_partitions: int, start_copy: Callable[[Path], StreamingQuery]
) -> CheckpointCover | None:
    """None where whales do not pause, or checkpoints are too close to one another."""
    settings, every_s = context.settings, parse_duration_s(context.settings.stream_trigger)
    if queries.choose_whales_mode(settings) != "realtime" or every_s < SHORTEST_S:
        return None
    return CheckpointCover(
        start_copy,
        partial(session.has_running_tasks, spark, topic_partitions),
        lambda: (
            not slots.explain_shortage(spark, slots.count_slots_with_cover(topic_partitions, settings.stream_reducers))
        ),
        settings.home,
        every_s,
        context.log,
    )


def _wait_for_topics(context: ServiceContext) -> queries.SourceTopic | None:
    while not context.stop.is_set():
        context.record_progress(next_within_s=START_S)
        try:
            place = queries.inspect_source(context.settings)
        except BrokerError:
            is_reachable(context.settings.bootstrap)  # learns why
            context.report_state(
                "starting", f"waiting for the Kafka broker: {explain_unavailable(context.settings.bootstrap)}"
            )
        else:
            if place is not None:
                return place
            context.report_state("starting", "waiting for the topics to be created")
        context.stop.wait(POLL_S)
    return None


def _handle_failure(
    context: ServiceContext,
    healer: QueryRecovery,
    labels: Mapping[str, CheckpointLabel],
    name: str,
    query: StreamingQuery,
) -> bool:
    """Whether the service restarts for a query that has ended; False while the others run on without it."""
    error = str(query.exception())
    if not healer.trouble:
        context.log.error("query failed", query=name, error=error)
    if not healer.handle_failure(labels[name], session.read_java_trace(query)):
        return False
    context.report_state("degraded", f"query {name} failed, starting again: {error.splitlines()[0][:300]}")
    return True


def _refresh_thresholds(context: ServiceContext, file: ThresholdFile) -> None:
    while not context.stop.wait(EVERY_S):
        file.refresh()
