"""The last changes of every service's state, in one file that is written only when something changes.

Whoever shows a service's history (a shift in Dagster) may look seldom, or not at all for a while: what happened
meanwhile is still there, numbered. A full disk loses the file, never a service.
"""

import contextlib
import time
from collections import deque
from pathlib import Path
from typing import Any

from whale_platform.files.atomic_files import write_json
from whale_platform.supervision.control.state_files import SUPERVISOR, changes_path
from whale_platform.supervision.policy.restart_policy import ShownState

KEPT_CHANGES = 50


class StateChanges:
    """`life` names one supervisor's life. File: {life, services: {name: [{n, at, state, detail}, …]}}, oldest first.

    `n` counts all changes of a life, from 1; `at`: epoch seconds.
    """

    def __init__(self, home: Path, life: str, supervisor: str = SUPERVISOR) -> None:
        self.life = life
        self._path = changes_path(home, supervisor)
        self._count = 0
        self._kept: dict[str, deque[dict[str, Any]]] = {}
        self._unwritten = False

    def add(self, service: str, state: ShownState, detail: str) -> None:
        """One more; `write` keeps it."""
        self._count += 1
        entry = {"n": self._count, "at": time.time(), "state": state, "detail": detail}
        self._kept.setdefault(service, deque(maxlen=KEPT_CHANGES)).append(entry)
        self._unwritten = True

    def write(self) -> None:
        """To the file, where there is something new."""
        if not self._unwritten:
            return
        with contextlib.suppress(OSError):
            kept = {name: list(entries) for name, entries in self._kept.items()}
            write_json(self._path, {"life": self.life, "services": kept})
            self._unwritten = False
