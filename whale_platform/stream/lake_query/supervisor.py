"""Keeps the lake's query running beside the real-time queries, which do not depend on it.

It begins once they are ready, so a start is no slower for it. When it fails (a full disk, a damaged log) the service
says so as `degraded` and starts it again, later after each failure; Kafka keeps the trades meanwhile. A checkpoint of
no use is replaced (recovery.py): the table itself knows what it has, so reading the topic again creates no duplicates.
"""

import re
import time
from functools import partial

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.streaming import StreamingQuery

from whale_platform.broker.errors import BrokerError
from whale_platform.broker.naming import add_prefix
from whale_platform.domain.names import RAW_TRADES
from whale_platform.lake.delta import commits, table
from whale_platform.lake.errors import LakeError
from whale_platform.storage import folders
from whale_platform.storage.errors import ObjectStoreError
from whale_platform.stream.errors import ForeignCheckpointError
from whale_platform.stream.lake_query.writer import LakeWriter
from whale_platform.stream.query import checkpoints, queries
from whale_platform.stream.query.checkpoints import LAKE_QUERY, CheckpointLabel
from whale_platform.stream.query.mode_policy import Mode
from whale_platform.stream.query.recovery import QueryRecovery
from whale_platform.stream.spark.session import read_java_trace
from whale_platform.supervision.policy.backoff import RestartBackoff, ServiceLifetime
from whale_platform.supervision.runtime.runner import ServiceContext
from whale_platform.version import code_version

MODE: Mode = "microbatch"
VERSION = 1
OWN_ERROR = r"(?:lake|storage)\.errors\.\w+"  # in a trace: the lake failed, not the checkpoint
SLOWER = 6  # times its usual trigger, while the stream is behind
RESTART_BACKOFF = RestartBackoff(first_s=2.0, cap_s=60.0, healthy_after_s=60.0)


class LakeQuerySupervisor:
    """Call `poll` again and again; `trouble` is what is wrong now, or empty.

    `outdated`: the topic is another one now, with which the whole service has to restart.
    """

    def __init__(
        self,
        context: ServiceContext,
        session: SparkSession,
        place: queries.SourceTopic,
        run_id: str,
        healer: QueryRecovery,
    ) -> None:
        settings = context.settings
        self._context, self._session, self._place, self._healer = context, session, place, healer
        self._label = CheckpointLabel(
            LAKE_QUERY, MODE, VERSION, place.cluster_id, add_prefix(RAW_TRADES), place.topic_id
        )
        self._folder = checkpoints.checkpoint_folder(settings.stream_home, LAKE_QUERY, MODE, VERSION)
        self._writer = LakeWriter(
            settings.trades_lake,
            place.topic_id,
            settings.lake_files,
            partial(checkpoints.read_batch_ends, self._folder),
            {"run": run_id, "code": code_version()},
        )
        self._query: StreamingQuery | None = None
        self._started = 0.0
        self._runs: list[ServiceLifetime] = []
        self._slow = False
        self.trouble = ""
        self.outdated = False

    def poll(self, behind: bool = False) -> None:
        """Start the query where it is due; see whether it runs. While the stream is `behind` its trigger is longer."""
        now = time.monotonic()
        if behind != self._slow and self._query is not None and self._query.isActive:
            self._query.stop()
            self._query = None
        self._slow = behind
        if self._query is None:
            if not self._runs or now >= self._runs[-1].ended + RESTART_BACKOFF.compute_delay_s(self._runs):
                self._start(now)
        elif not self._query.isActive:
            self._record_failure(now, str(self._query.exception()), read_java_trace(self._query))
        elif self._writer.numbers:
            self.trouble = ""
            self._healer.clear_failure(LAKE_QUERY)
            self._context.heartbeat.numbers.update(self._writer.numbers)

    def stop(self) -> None:
        """End the query; a batch under way is done again by the next."""
        if self._query is not None:
            self._query.stop()

    def _start(self, now: float) -> None:
        self._started = now
        self._writer.numbers.clear()
        try:
            table.create_table(self._writer.root)
            self._query = self._start_query()
        except PySparkException as error:
            self._record_failure(now, str(error), str(error))
        except (LakeError, BrokerError, OSError) as error:
            self._record_failure(now, str(error))
        except (
            ForeignCheckpointError
        ) as foreign:  # the other queries' are not: this one was left behind by a change of the cluster
            self._healer.restart_fresh(self._label, self._place, str(foreign))

    def _start_query(self) -> StreamingQuery:
        settings, place = self._context.settings, self._healer.inspect_source()
        if place is None or place.topic_id != self._place.topic_id:
            self.outdated = True
            raise LakeError(f"topic {self._label.topic} is not the one that the stream began with")
        self._place = place
        self._healer.prepare([self._label], place)
        if lacking := self._explain_missing_rows():
            self._healer.restart_fresh(self._label, place, lacking, self._read_table_offsets())
            self._healer.prepare([self._label], place)
        self._rewind_table_offsets()
        kafka = queries.read_source(self._session, settings, LAKE_QUERY, MODE)
        return (
            kafka.load()
            .writeStream.queryName(LAKE_QUERY)
            .foreachBatch(self._writer)
            .option("checkpointLocation", folders.spark_path(self._folder))
            .trigger(processingTime=f"{self._trigger_s() * 1000:.0f} milliseconds")
            .start()
        )

    def _trigger_s(self) -> float:
        return self._context.settings.lake_trigger_s * (SLOWER if self._slow else 1)

    def _explain_missing_rows(self) -> str:
        """What the checkpoint takes for done and the table does not have: it is another table, or an older one."""
        done = checkpoints.inspect_checkpoint(self._folder).batch
        if done is None:
            return ""
        try:
            ends = sorted(self._writer.ends(done).items())
        except ObjectStoreError:
            raise
        except (OSError, ValueError, IndexError):  # as after a loss of power
            return f"the offsets of batch {done}, the last that was done, can't be read"
        has = self._read_table_offsets()
        for part, end in ends:
            if has.get(part, 0) < end:
                return (
                    f"the lake lacks offsets {has.get(part, 0)} to {end - 1} of partition {part}, "
                    "which the checkpoint has done"
                )
        return ""

    def _read_table_offsets(self) -> dict[int, int]:
        """{partition: next offset} as the table itself says, of this topic."""
        opened = table.open_table(self._writer.root)
        return {part: table.read_position(opened, self._place.topic_id, part) for part in self._place.earliest}

    def _rewind_table_offsets(self) -> None:
        """Where the broker has lost the end of its log, let the table's position be that end.

        The offsets beyond are used again, for trades that the lake may not have. Those that it has come twice, until
        compaction leaves one of each.
        """
        ends = self._place.ends
        lost = {part: has for part, has in self._read_table_offsets().items() if has > ends[part]}
        if lost:
            back = {part: ends[part] for part in lost}
            self._context.log.error("the topic has lost its end, which the lake has", had=lost, ends=back)
            about = {"topic_lost_its_end": {str(part): has for part, has in lost.items()}}
            commits.append_files(self._writer.root, [], self._place.topic_id, back, {**self._writer.about, **about})

    def _record_failure(self, now: float, error: str, java: str = "") -> None:
        self._query = None
        self._runs = [*self._runs[-20:], ServiceLifetime(self._started, now, None)]
        self.trouble = f"the lake's query failed, trying again: {_summarise_error(error)}"
        self._context.log.error("lake query failed", error=error)
        if java and not re.search(OWN_ERROR, java):  # else it is the table that failed, not the checkpoint
            self._healer.handle_failure(self._label, java)


def _summarise_error(error: str) -> str:
    """The line of a Java and Python traceback that a person can use."""
    if "No space left" in error:
        return "No space left where the lake lies: free some; Kafka keeps the trades meanwhile"
    ours = [found[1] for found in re.finditer(rf"{OWN_ERROR}: (.*)", error)]
    return (ours or error.strip().splitlines() or ["unknown"])[0][:300]
