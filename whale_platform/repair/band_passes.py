"""When size bands are refreshed: where the lake has got files, by a process of its own (`band_work.py`).

An hour that fails by itself is done as a whole when it gets another file; the process logs it.
"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from whale_platform.lake.delta.schema import table_exists
from whale_platform.repair.changed_hours import ChangedHours
from whale_platform.storage.folders import Folder

MODULE = "whale_platform.repair.band_work"


class BandWork:
    """See minute_passes.PassWork: the hours that have changed since the answer of the last command that gave one."""

    def __init__(self, root: Folder) -> None:
        self._root, self._log = root, ChangedHours(root)
        self._waiting: dict[datetime, datetime] = {}  # by hour the minute to begin with
        self._broken: set[datetime] = set()  # hours of which nothing was stored by the last pass that had to
        self._all_due = False

    def find_command(self) -> Sequence[str] | None:
        """The process with the hours that have new files, or may have, and those that were left."""
        if not table_exists(self._root):
            return None
        if (news := self._log.poll_starts()) is None:
            self._all_due = True
        for hour, start in (news or {}).items():
            first = hour if hour in self._broken else start
            self._waiting[hour] = min(first, self._waiting.get(hour, first))
        if not (self._waiting or self._all_due):
            return None
        named = ["all"] if self._all_due else [start.isoformat() for start in sorted(self._waiting.values())]
        return [sys.executable, "-m", MODULE, *named]

    def take_answer(self, done: dict[str, Any]) -> None:
        """Keep what is not done waiting."""
        left, failed = ([datetime.fromisoformat(at).astimezone(UTC) for at in done[k]] for k in ("left", "failed"))
        self._broken = {*failed} if self._all_due else self._broken - {*self._waiting} | {*failed}
        self._waiting = {start.replace(minute=0): start for start in left}
        self._all_due = False
