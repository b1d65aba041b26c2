"""A process at work for the repair service: started, watched, and ended where the trades need its processors.

It writes one line of JSON on stdout, with `waits` where it had to wait for somebody else.
"""

import json
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from whale_platform.supervision.control import overload
from whale_platform.supervision.runtime.runner import ServiceContext

WORK_MOST_S = 2 * 3600.0  # a week of everything takes minutes; what hangs for so long is restarted
END_S = 5.0
END_AFTER_S = 30.0  # a JVM's start alone may put the stream behind for a moment
ASK_S, POLL_S = 5.0, 0.5


class WorkHold:
    """What keeps due work waiting: for `overload.LONGEST_WAIT_S` at most from the first time that it did."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._since: float | None = None

    def reason_to_wait(self) -> str | None:
        """Why work is to wait now; None where it need not, or has waited long enough."""
        why, now = overload.explain_pressure(self._home), time.monotonic()
        if why is not None and self._since is None:
            self._since = now
        return None if self._since is not None and now - self._since > overload.LONGEST_WAIT_S else why

    def reset(self) -> None:
        """The work has been done: the next may be held again."""
        self._since = None


def run_command(context: ServiceContext, command: Sequence[str], hold: WorkHold) -> dict[str, Any] | str | None:
    """Run `command` to its end, or end it where the trades need its processors; returns as `Work` does."""
    began = time.monotonic()
    asked_at = pressed_since = began
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as child:
        while child.poll() is None:
            context.record_progress()
            if context.stop.wait(POLL_S) or time.monotonic() - began > WORK_MOST_S:
                _terminate_child(child)
            elif time.monotonic() - asked_at >= ASK_S:
                asked_at, why = time.monotonic(), hold.reason_to_wait()
                if why is None:
                    pressed_since = asked_at
                elif asked_at - pressed_since >= END_AFTER_S:
                    _terminate_child(child)
                    context.log.warning("repair ended, its hours stay waiting", reason=why)
                    return why
        assert child.stdout is not None
        said = child.stdout.read()
    if child.returncode != 0:
        return None
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    waits: str | None = found.get("waits")
    return waits or found


def _terminate_child(child: "subprocess.Popen[str]") -> None:
    child.terminate()
    try:
        child.wait(END_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
