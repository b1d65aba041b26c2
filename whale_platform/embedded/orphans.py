"""Ending what a killed supervisor left behind in a server's folder, before a new server starts there.

Servers get a signal when their supervisor dies and need a moment to stop; a hung one never does. Only the holder of
the home's lease may call this: whatever else lives in the folder then belongs to nobody.
"""

import contextlib
import time
from collections.abc import Callable

import psutil

from whale_platform.embedded.errors import EmbeddedError

GRACE_S = 8.0  # a clean stop of either server takes under 1 s; a checkpoint on a slow disk some more
KILL_S = 10.0  # a killed process goes at once, unless it waits for a disk
_POLL_S = 0.05


def end(belongs: Callable[[psutil.Process], bool]) -> list[int]:
    """Wait for the processes that belong to stop, then kill them; their pids. Raises EmbeddedError if one stays."""
    found = [process for process in psutil.process_iter() if _asks(belongs, process)]
    for process in _wait(found, GRACE_S):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    if alive := _wait(found, KILL_S):
        raise EmbeddedError(f"process {alive[0].pid} of an earlier run can't be ended: end it, then start again")
    return [process.pid for process in found]


def _wait(processes: list[psutil.Process], timeout_s: float) -> list[psutil.Process]:
    """Those still alive after `timeout_s` seconds. A zombie holds nothing, and in a container may never be reaped."""
    deadline = time.monotonic() + timeout_s
    while (alive := [process for process in processes if _asks(_lives, process)]) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return alive


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def _asks(question: Callable[[psutil.Process], bool], process: psutil.Process) -> bool:
    try:
        return question(process)
    except (psutil.Error, OSError):  # gone meanwhile, or another user's: not ours
        return False
