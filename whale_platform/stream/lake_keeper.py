"""Keeps the lake's query running beside the real-time queries, which do not depend on it.

It begins once they are ready, so a start is no slower for it. When it fails (a full disk, a damaged log) the service
says so as `degraded` and starts it again, later after each failure; Kafka keeps the trades meanwhile. A checkpoint that
is of no use is put aside: the table itself knows what it has, so reading the topic anew doubles nothing.
"""

import re
import time
from functools import partial

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.streaming import StreamingQuery

from whale_platform.domain.names import RAW_TRADES
from whale_platform.lake import table
from whale_platform.lake.errors import LakeError
from whale_platform.stream import checkpoints, queries
from whale_platform.stream.checkpoints import LAKE, Label, Unfit
from whale_platform.stream.lake import LakeWriter
from whale_platform.stream.modes import Mode
from whale_platform.supervision.backoff import Backoff, Run
from whale_platform.supervision.service import ServiceContext
from whale_platform.version import code_version

MODE: Mode = "microbatch"
VERSION = 1
SLOWER = 6
RETRIES = Backoff(first_s=2.0, cap_s=60.0, healthy_after_s=60.0)


class LakeKeeper:
    """Call `look` again and again; `trouble` is what is wrong now, or empty."""

    def __init__(self, context: ServiceContext, session: SparkSession, place: queries.Place, run_id: str) -> None:
        settings = context.settings
        self._context, self._session, self._place = context, session, place
        self._folder = checkpoints.folder(settings.home, LAKE, MODE, VERSION)
        self._writer = LakeWriter(
            settings.trades_lake,
            place.topic_id,
            settings.lake_files,
            partial(checkpoints.batch_ends, self._folder),
            {"run": run_id, "code": code_version()},
        )
        self._query: StreamingQuery | None = None
        self._started = 0.0
        self._runs: list[Run] = []
        self._slow = False
        self.trouble = ""

    def look(self, behind: bool = False) -> None:
        """Start the query where it is due; see whether it runs. While the stream is `behind` its trigger is longer."""
        now = time.monotonic()
        if behind != self._slow and self._query is not None and self._query.isActive:
            self._query.stop()
            self._query = None
        if behind != self._slow:
            self._slow = behind
        if self._query is None:
            if not self._runs or now >= self._runs[-1].ended + RETRIES.delay(self._runs):
                self._start(now)
        elif not self._query.isActive:
            self._failed(now, str(self._query.exception()))
        elif self._writer.numbers:
            self.trouble = ""
            self._context.beat.numbers.update(self._writer.numbers)

    def stop(self) -> None:
        """End the query; a batch under way is done again by the next."""
        if self._query is not None:
            self._query.stop()

    def _start(self, now: float) -> None:
        self._started = now
        self._writer.numbers.clear()
        try:
            table.create(self._writer.root)
            self._query = self._begin()
        except (LakeError, Unfit, PySparkException, OSError) as error:
            self._failed(now, str(error))

    def _begin(self) -> StreamingQuery:
        settings, place = self._context.settings, self._place
        label = Label(LAKE, MODE, VERSION, place.cluster_id, RAW_TRADES, place.topic_id)
        try:
            checkpoints.prepare(settings.home, label, place.earliest)
            if lacking := self._lacking():
                raise Unfit(lacking)
        except Unfit as unfit:
            self._put_aside(str(unfit))
            checkpoints.prepare(settings.home, label, place.earliest)
        kafka = queries.source(self._session, settings, LAKE, MODE)
        return (
            kafka.load()
            .writeStream.queryName(LAKE)
            .foreachBatch(self._writer)
            .option("checkpointLocation", str(self._folder.absolute()))
            .trigger(
                processingTime=f"{settings.lake_trigger_s * (SLOWER if self._slow else 1) * 1000:.0f} milliseconds"
            )
            .start()
        )

    def _lacking(self) -> str:
        """What the checkpoint takes for done and the table does not have: it is another table, or an older one."""
        done = checkpoints.inspect(self._folder).batch
        if done is None:
            return ""
        try:
            ends = sorted(self._writer.ends(done).items())
        except (OSError, ValueError, IndexError):  # as after a loss of power
            return f"the offsets of batch {done}, the last that was done, can't be read"
        opened = table.opened(self._writer.root)
        for part, end in ends:
            if (has := table.position(opened, self._place.topic_id, part)) < end:
                return f"the lake lacks offsets {has} to {end - 1} of partition {part}, which the checkpoint has done"
        return ""

    def _failed(self, now: float, error: str) -> None:
        self._query = None
        self._runs = [*self._runs[-20:], Run(self._started, now, None)]
        self.trouble = f"the lake's query failed, trying again: {_told(error)}"
        self._context.log.error("lake query failed", error=error)
        if (meaning := queries.explain(error, LAKE)) is not None:
            self._put_aside(meaning)

    def _put_aside(self, reason: str) -> None:
        kept = checkpoints.archive(self._context.settings.home, LAKE)
        self._context.log.error(
            "the lake's query reads the topic anew", reason=reason, kept=[str(path) for path in kept]
        )


def _told(error: str) -> str:
    """The line of a Java and Python traceback that a person can use."""
    if "No space left" in error:
        return "No space left where the lake lies: free some; Kafka keeps the trades meanwhile"
    ours = re.findall(r"lake\.errors\.\w+: (.*)", error)
    return (ours or error.strip().splitlines() or ["unknown"])[0][:300]
