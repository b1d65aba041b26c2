"""Waits for processes that are about to end, as long as they are active.

A server that writes its last checkpoint on a slow machine may take minutes, and a hung one takes for ever. What tells
them apart is not the time but whether anything moves: CPU used or waited for, processes ended, lines in the log.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence

import psutil

from whale_platform.supervision.processes.process_activity import ActivityTracker

LONGEST_WAIT_S = 120.0
KILL_WAIT_S = 60.0  # a killed process goes at once, unless it waits for a disk or for the processor
POLL_S = 0.1


class TerminationWait:
    """`roots` (pids) have been told to end, now. `grace_s`: for how long nothing need move."""

    def __init__(
        self,
        roots: Iterable[int],
        grace_s: float,
        token: Callable[[], object] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        limit_s: float = LONGEST_WAIT_S,
    ) -> None:
        self._grace_s, self._limit_s, self._clock, self._begun = grace_s, limit_s, clock, clock()
        self._movement = ActivityTracker(roots, token, grace_s / 4, clock)

    def give_up_reason(self) -> str:
        """Why to wait no longer, in words; empty while there is hope."""
        self._movement.refresh()
        if self._movement.idle_s() >= self._grace_s:
            return f"did not end, nor do anything for {self._movement.idle_s():.0f} s"
        if self._clock() - self._begun >= self._limit_s:
            return f"did not end within {self._limit_s:.0f} s"
        return ""


def wait_for_exit(
    processes: Sequence[psutil.Process], grace_s: float, write_line: Callable[[str], None] = lambda text: None
) -> None:
    """Wait until all have ended, or do nothing about it any more; then kill those. `write_line` is called where it
    takes long."""
    ending, said = TerminationWait([one.pid for one in processes], grace_s), False
    begun = time.monotonic()
    while alive := [one for one in processes if is_alive(one)]:
        if why := ending.give_up_reason():
            for one in alive:
                write_line(f"killing {describe_process(one)}, which {why}")
                with contextlib.suppress(psutil.Error):
                    one.kill()
            break
        if not said and time.monotonic() - begun > 1.0:
            said = True
            write_line(f"waiting for {', '.join(map(describe_process, alive))} of an earlier run to end")
        time.sleep(POLL_S)
    until = time.monotonic() + KILL_WAIT_S
    while any(map(is_alive, processes)) and time.monotonic() < until:
        time.sleep(POLL_S)


def is_alive(process: psutil.Process) -> bool:
    """Whether it lives. A zombie holds nothing, and in a container may never be reaped."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def describe_process(process: psutil.Process) -> str:
    """Return name and pid, such as `java (pid 4711)`."""
    try:
        return f"{process.name()} (pid {process.pid})"
    except psutil.Error:
        return f"pid {process.pid}"
