"""Ending what a killed supervisor left behind in a server's folder, before a new server starts there.

Servers get a signal when their supervisor dies and need a moment to stop; a hung one never does. Only the holder of
the home's lease may call this: whatever else lives in the folder then belongs to nobody.
"""

from collections.abc import Callable

import psutil

from whale_platform.embedded.errors import EmbeddedServerError
from whale_platform.supervision.processes import termination

GRACE_S = 8.0  # of nothing at all; a clean stop of either server takes under 1 s, a checkpoint on a slow disk some more


def end_server_orphans(belongs: Callable[[psutil.Process], bool]) -> list[int]:
    """Wait for the processes that belong to stop, and kill those that do nothing any more; their pids.

    Raises EmbeddedServerError if one stays.
    """
    found = [process for process in psutil.process_iter() if _matches(belongs, process)]
    termination.wait_for_exit(found, GRACE_S)
    if alive := [process for process in found if termination.is_alive(process)]:
        raise EmbeddedServerError(f"process {alive[0].pid} of an earlier run can't be ended: end it, then start again")
    return [process.pid for process in found]


def _matches(question: Callable[[psutil.Process], bool], process: psutil.Process) -> bool:
    try:
        return question(process)
    except (psutil.Error, OSError):  # gone meanwhile, or another user's: not ours
        return False
