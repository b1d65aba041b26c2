"""The windows' query through its changes of mode: one checkpoint, at any time one query or none.

A switch ends the query and begins it in the other mode; the batch under way is done again, which the sink does not
mind. Ending may take long on a busy machine, so it is done in a thread and looked after.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql.streaming import StreamingQuery

from whale_platform.settings import StreamMode
from whale_platform.stream.monitoring.lag import QueryLag
from whale_platform.stream.query.mode_policy import Mode, ModePolicy, ModeSample, choose_start_mode

StartQuery = Callable[[Mode], StreamingQuery]


class WindowsQuery:
    """`start(mode)` begins the query. `query` is None before the start and while it ends.

    `wanted`: `microbatch` never runs it in real time; the others do while the machine holds that.
    """

    def __init__(self, start: StartQuery, wanted: StreamMode, log: Any) -> None:
        self._start, self._wanted, self._log = start, wanted, log
        self._policy: ModePolicy | None = None
        self._ending: threading.Thread | None = None
        self._next: Mode = "realtime"
        self.query: StreamingQuery | None = None
        self.mode: Mode | None = None

    def start(self, behind: QueryLag) -> None:
        """Start it in the mode that is wanted, or that fits what it is behind."""
        mode = "microbatch" if self._wanted == "microbatch" else choose_start_mode(behind.trades)
        self._policy = ModePolicy(mode, time.monotonic())
        self._start_in_mode(mode)

    def update(self, behind: QueryLag, busy: float | None, out: int | None = None) -> bool:
        """Change the mode where that is due; whether the query has just restarted. `busy`, `out`: see `ModeSample`."""
        policy = self._policy
        if policy is None:
            return False
        if self._ending is not None:
            if self._ending.is_alive():
                return False
            self._ending = None
            self._start_in_mode(self._next)
            policy.confirm_switch(self._next, time.monotonic())
            return True
        if self._wanted == "microbatch" or self.query is None:
            return False
        mode = policy.update(ModeSample(time.monotonic(), behind.trades, behind.seconds, busy, out))
        if mode != self.mode:
            self._log.warning(
                "the windows' query changes its mode", mode=mode, behind=behind.trades, behind_s=behind.seconds
            )
            query, self.query, self._next = self.query, None, mode
            self._ending = threading.Thread(target=_stop_query, args=(query,), name="switch", daemon=True)
            self._ending.start()
        return False

    def stop(self) -> None:
        """End it; a batch under way is done again by the next run."""
        if self._ending is not None:
            self._ending.join()
        if self.query is not None:
            self.query.stop()

    def _start_in_mode(self, mode: Mode) -> None:
        self.query, self.mode = self._start(mode), mode


def _stop_query(query: StreamingQuery) -> None:
    with suppress(PySparkException, Py4JError):  # its last batch may fail by being ended: it is done again
        query.stop()
