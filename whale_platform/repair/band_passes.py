"""When size bands are refreshed: once a minute where the lake has got files, by a process of its own.

The trades go first: nothing is begun while stream or sink are starting, silent or behind, so the bands then grow older.
What fails as a whole is tried again, each time after twice as long; an hour that fails by itself, as a whole when it
gets another file. The process logs both.
"""

import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from whale_platform.lake.delta.schema import table_exists
from whale_platform.repair.changed_hours import ChangedHours
from whale_platform.storage.folders import Folder

EVERY_S = 60.0
FIRST_S = 60.0  # after a start the others come first
LONGEST_S = 3600.0
MODULE = "whale_platform.repair.band_work"

RunCommand = Callable[[Sequence[str]], dict[str, Any] | str | None]


class BandPasses:
    """Call `update` every some seconds. `run` starts a process; `explain_wait`: why none may begin."""

    def __init__(
        self,
        root: Folder,
        run: RunCommand,
        explain_wait: Callable[[], str | None],
        every_s: float = EVERY_S,
        first_s: float = FIRST_S,
    ) -> None:
        self._root, self._run, self._explain_wait, self._every_s = root, run, explain_wait, every_s
        self._log = ChangedHours(root)
        self._waiting: dict[datetime, datetime] = {}  # by hour the minute to begin with
        self._broken: set[datetime] = set()  # hours of which nothing was stored by the last pass that had to
        self._all_due = False
        self._again_s = every_s
        self._next = time.monotonic() + first_s

    def update(self) -> None:
        """Run a pass where one is due and there is something to do."""
        if time.monotonic() < self._next or not table_exists(self._root):
            return
        # 1. which hours have new files, or may have
        if (news := self._log.poll_starts()) is None:
            self._all_due = True
        for hour, start in (news or {}).items():
            first = hour if hour in self._broken else start
            self._waiting[hour] = min(first, self._waiting.get(hour, first))
        if not (self._waiting or self._all_due) or self._explain_wait() is not None:
            return
        # 2. what is not done stays waiting
        named = ["all"] if self._all_due else [start.isoformat() for start in sorted(self._waiting.values())]
        done = self._run([sys.executable, "-m", MODULE, *named])
        self._next = time.monotonic() + (self._every_s if done is not None else self._again_s)
        self._again_s = self._every_s if done is not None else min(2 * self._again_s, LONGEST_S)
        if isinstance(done, dict):
            left, failed = ([datetime.fromisoformat(at).astimezone(UTC) for at in done[k]] for k in ("left", "failed"))
            self._broken = {*failed} if self._all_due else self._broken - {*self._waiting} | {*failed}
            self._waiting = {start.replace(minute=0): start for start in left}
            self._all_due = False
