"""The stream service: one Spark driver, its queries, and a plain word for each way they can fail.

It waits for broker and topics, refuses checkpoints that don't fit (exit BLOCKED, with the command that mends it) and
ends on a failed real-time query: the supervisor starts it again and Spark resumes from its last checkpoint, so the
sink sees updates again, never gaps. The lake's query fails alone (lake_keeper.py).
"""

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.streaming import StreamingQuery

from whale_platform.broker.topics import BrokerError
from whale_platform.stream import progress, queries, session
from whale_platform.stream.checkpoints import Unfit
from whale_platform.stream.lake_keeper import LakeKeeper
from whale_platform.stream.rehearsal import rehearse
from whale_platform.stream.thresholds import EVERY_S, ThresholdFile
from whale_platform.supervision import codes, manners
from whale_platform.supervision.service import ServiceContext
from whale_platform.version import new_run_id

SHUFFLE_PARTITIONS = 1
NICE = 8  # the heaviest: what is light goes first, see the README's figures
POLL_S = 0.5
QUERY_START_S = 300.0  # to start the lake's query, where the machine is slow


def main(context: ServiceContext) -> int:
    """Run until `context.stop`; returns the exit code."""
    settings = context.settings
    manners.step_back(NICE)
    run_id = new_run_id("stream")
    context.beat.numbers.update(mode=settings.stream_mode, run=run_id)
    context.tell("starting", "starting Spark")
    spark = session.build(settings, SHUFFLE_PARTITIONS)
    try:
        place = _wait_for_topics(context)
        if place is None:
            return codes.CLEAN
        shortage = session.slots_missing(spark, len(place.earliest), SHUFFLE_PARTITIONS)
        if shortage:
            return context.blocked(shortage)
        file = ThresholdFile(settings, context.log)
        file.refresh()
        context.tell("starting", "starting the queries")
        running = queries.start(spark, settings, place, file, run_id)
        context.tell("starting", "planning the queries")
        if settings.stream_mode == "realtime":
            rehearse(queries.rehearsals(spark, settings, file, run_id), context.stop)
        threading.Thread(target=_refresh, args=(context, file), name="thresholds", daemon=True).start()
        return _watch(context, spark, running, LakeKeeper(context, spark, place, run_id))
    except Unfit as unfit:
        return context.blocked(str(unfit))
    finally:
        _quietly(spark.stop)


def _wait_for_topics(context: ServiceContext) -> queries.Place | None:
    while not context.stop.is_set():
        try:
            place = queries.locate(context.settings)
        except BrokerError:
            context.tell("starting", f"waiting for the Kafka broker at {context.settings.bootstrap}")
        else:
            if place is not None:
                return place
            context.tell("starting", "waiting for the topics to be created")
        context.stop.wait(POLL_S)
    return None


def _refresh(context: ServiceContext, file: ThresholdFile) -> None:
    while not context.stop.wait(EVERY_S):
        file.refresh()


def _watch(context: ServiceContext, spark: SparkSession, running: dict[str, StreamingQuery], lake: LakeKeeper) -> int:
    late, late_rows = progress.LateRows(), 0
    seen_batch: Any = None
    while not context.stop.wait(POLL_S):
        for name, query in running.items():
            if not query.isActive:
                return _failed(context, name, query)
        if context.beat.state != "starting":
            context.progress(next_within_s=QUERY_START_S)
            lake.look()
            if lake.trouble != context.beat.detail:
                context.tell("degraded" if lake.trouble else "ready", lake.trouble)
        elif all(query.status["isTriggerActive"] for query in running.values()):
            context.tell("ready")
        now = progress.numbers(running)
        if now.get("windows_batch") != seen_batch:
            seen_batch = now.get("windows_batch")
            late_rows = late.look(running["windows"])
            context.log.info("batch", **now)
        context.beat.numbers.update(now, late_dropped=late_rows, lag=progress.lag(spark))
        context.progress()  # here alone: the JVM has answered
    context.tell("stopping")
    for stop in (lake.stop, *(query.stop for query in running.values())):
        _quietly(stop)
    return codes.CLEAN


def _quietly(stop: Callable[[], None]) -> None:
    with contextlib.suppress(PySparkException, Py4JError, OSError):  # the JVM may be gone already
        stop()


def _failed(context: ServiceContext, name: str, query: StreamingQuery) -> int:
    error = query.exception()
    context.log.error("query failed", query=name, error=str(error))
    meaning = queries.explain(error, name)
    if meaning:
        return context.blocked(meaning)
    context.tell("degraded", f"query {name} failed, starting again: {str(error).splitlines()[0][:300]}")
    return codes.RETRY
