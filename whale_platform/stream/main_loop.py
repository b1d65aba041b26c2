"""What runs when, and what is reported of it: whales first, then windows, then the lake, warm-ups last.

Once a second the loop asks the JVM little, the broker two small questions, and tells the heartbeat. It goes round only
while the JVM answers, and says so by `context.record_progress`, so a driver that hangs is seen by whoever watches it.
"""

import contextlib
import time
from collections.abc import Callable
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql.streaming import StreamingQuery

from whale_platform.stream.checkpoint_cover import CheckpointCover
from whale_platform.stream.lake_query.supervisor import LakeQuerySupervisor
from whale_platform.stream.monitoring.condition import StreamCondition
from whale_platform.stream.monitoring.lag import UNKNOWN_LAG, QueryLag, find_largest_lag
from whale_platform.stream.monitoring.progress_reports import ProgressReports
from whale_platform.stream.monitoring.topic_flow import TopicFlow
from whale_platform.stream.query import queries
from whale_platform.stream.query.mode_policy import Mode
from whale_platform.stream.query.recovery import QueryRecovery
from whale_platform.stream.windows_query import WindowsQuery
from whale_platform.supervision.runtime import exit_codes
from whale_platform.supervision.runtime.runner import ServiceContext

LOOK_S, REST_S = 1.0, 0.25  # from look to look, and between them where a look takes long
STALE_S = 2.0  # and a heartbeat later nobody reads it any more
LOG_S = 60.0  # between reports of micro-batches
START_S = 300.0  # to start or end a query, where the machine is slow


class MainLoop:
    """Runs in the main thread.

    `failed(name, query)` judges a query that has ended: whether the service restarts, or goes on without it for now.
    `rehearse` begins the rehearsals, and is given what says whether there is room for one. `shortage()` says what lacks
    of the task slots, as after the loss of a worker; empty where nothing does. `cover`: None where none is needed.
    """

    def __init__(
        self,
        context: ServiceContext,
        flow: TopicFlow,
        whales: StreamingQuery,
        cover: CheckpointCover | None,
        windows: WindowsQuery,
        lake: LakeQuerySupervisor,
        healer: QueryRecovery,
        failed: Callable[[str, StreamingQuery], bool],
        rehearse: Callable[[Callable[[], bool]], Any],
        shortage: Callable[[], str],
    ) -> None:
        self._context, self._flow, self._whales, self._windows = context, flow, whales, windows
        self._cover, self._lake, self._healer, self._handle_failure, self._start_warm_up = (
            cover,
            lake,
            healer,
            failed,
            rehearse,
        )
        self._shortage = shortage
        self._whales_mode: Mode = queries.choose_whales_mode(context.settings)
        self._condition, self._reports = StreamCondition(), ProgressReports()
        self._step, self._logged, self._looked = 1, 0.0, time.monotonic()

    def run(self) -> int:
        """Until `context.stop` or a query fails; returns the exit code."""
        self._context.before_heartbeat = self._expire_lag
        while not self._context.stop.is_set():
            for name, query in self._list_queries().items():
                if query.isActive:
                    continue
                self._context.record_progress(next_within_s=START_S)
                if self._handle_failure(name, query):
                    return exit_codes.RETRY
            if self._lake.outdated:
                return exit_codes.RETRY
            began = time.monotonic()
            self._flow.update(self._read_modes())
            self._context.record_progress(next_within_s=START_S)  # the JVM has answered
            self._advance()
            self._context.record_progress()
            self._publish(began)
            self._context.stop.wait(max(LOOK_S - (time.monotonic() - began), REST_S))
        self._context.record_progress(next_within_s=START_S)
        self._context.report_state("stopping")
        covers = () if self._cover is None else (self._cover.stop,)
        for stop in (self._lake.stop, self._windows.stop, *covers, self._whales.stop):
            stop_quietly(stop)
        self._flow.close()
        return exit_codes.CLEAN

    def _list_queries(self) -> dict[str, StreamingQuery]:
        windows = self._windows.query
        return {"whales": self._whales, **({"windows": windows} if windows is not None else {})}

    def _read_modes(self) -> dict[str, Mode]:
        windows = self._windows.mode
        return {"whales": self._whales_mode, **({"windows": windows} if windows is not None else {})}

    def _advance(self) -> None:
        flow = self._flow
        if self._cover is not None and self._whales.isActive and flow.behind["whales"].trades is not None:
            self._cover.update(
                time.monotonic(),
                flow.committed["whales"].batch,
                flow.behind["whales"],
                flow.raw_ends,
                flow.emitted_offsets("whales"),
            )
        # 1. The whales' query has been started: it is to reach what the first look saw, which the broker must answer.
        if self._step <= 2 and flow.behind["windows"].trades is None:
            return
        if self._step == 1:
            flow.mark_start("whales")
            self._step = 2
        # 2. It reads, and has put out what waited for it, or is left as it failed: now the windows begin.
        elif self._step == 2 and (
            not self._whales.isActive or flow.has_caught_up("whales", lambda: _is_working(self._whales))
        ):
            flow.mark_start("windows")
            self._windows.start(flow.behind["windows"])
            self._step = 3
        # 3. So have the windows: the service is ready, and what may wait begins.
        elif self._step == 3 and self._windows.query is not None:
            query = self._windows.query
            if not query.isActive:
                self._lake.poll(True)
            elif flow.has_caught_up("windows", lambda: _is_working(query)):
                self._start_warm_up(self._has_spare_processors)
                self._step = 4
        # 4. The lake's query is kept running, and lives on less while the stream is behind.
        elif self._step == 4:
            self._lake.poll(self._condition.behind_since is not None)
        if (
            self._step >= 3
            and not self._healer.is_suspended("windows")
            and self._windows.update(flow.behind["windows"], self._read_busy_share(), flow.windows_emitted)
        ):
            flow.mark_start("windows")
            self._reports.drop_batch_time("windows")

    def _has_spare_processors(self) -> bool:
        """Whether there are processors to spare for planning what is not run."""
        return self._condition.behind_since is None

    def _read_busy_share(self) -> float | None:
        return (
            self._reports.measure_busy_share("windows", queries.MICROBATCH_S)
            if self._windows.mode == "microbatch"
            else None
        )

    def _publish(self, began: float) -> None:
        """Publish what the look that began then has found, at once."""
        flow, numbers = self._flow, self._context.heartbeat.numbers
        for name, query in self._list_queries().items():
            batch = flow.committed[name].batch
            if self._reports.poll(time.monotonic(), name, query, batch) and name == "windows":
                self._log()
        behind = flow.behind
        trouble = "; ".join(filter(None, (self._shortage(), self._healer.trouble, self._lake.trouble)))
        state, detail = self._condition.update(time.monotonic(), behind, flow.rate, self._step == 4, trouble)
        detail = detail or self._healer.recent_recoveries
        since = self._condition.behind_since
        numbers.update(
            self._reports.numbers,
            windows_batch=flow.committed["windows"].batch,
            whales_covered=None if self._cover is None else self._cover.covered,
            whales_batch=flow.committed["whales"].batch,
            late_dropped=self._reports.late_rows,
            windows_mode=self._windows.mode,
            rate=None if flow.rate is None else round(flow.rate, 1),
            behind_since=None if since is None else round(time.time() - (time.monotonic() - since), 1),
            **_build_lag_numbers(find_largest_lag(behind), behind["windows"], behind["whales"]),
        )
        self._looked = began
        self._expire_lag()
        if state != self._context.heartbeat.state or bool(detail) != bool(self._context.heartbeat.detail):
            self._context.report_state(state, detail)
        else:
            self._context.heartbeat.detail = detail  # its numbers change every second, which is nothing to log
            self._context.write_heartbeat()

    def _expire_lag(self) -> None:
        """Called before each beat: while a query takes long to start or end, how far it is behind is unknown.

        What counts is the age of the look that was published, not of the one under way.
        """
        if time.monotonic() - self._looked > STALE_S:
            self._context.heartbeat.numbers.update(_build_lag_numbers(UNKNOWN_LAG, UNKNOWN_LAG, UNKNOWN_LAG))

    def _log(self) -> None:
        if self._windows.mode == "realtime" or time.monotonic() - self._logged >= LOG_S:
            self._logged = time.monotonic()
            self._context.log.info("batch", **self._reports.numbers)


def stop_quietly(stop: Callable[[], None]) -> None:
    """Stop something in a JVM that may be gone already."""
    with contextlib.suppress(PySparkException, Py4JError, OSError):
        stop()


def _is_working(query: StreamingQuery) -> bool:
    return bool(query.status["isTriggerActive"] or query.lastProgress is not None)


def _build_lag_numbers(*behind: QueryLag) -> dict[str, float | int | None]:
    """Of the slowest, of the windows and of the whales."""
    found: dict[str, float | int | None] = {}
    for prefix, one in zip(("", "windows_", "whales_"), behind, strict=True):
        found[f"{prefix}lag"] = one.trades
        found[f"{prefix}lag_s"] = None if one.seconds is None else round(one.seconds, 1)
    return found
