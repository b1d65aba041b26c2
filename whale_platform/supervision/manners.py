"""Which process gets the processor first where there is too little of it.

What moves trades, the stream above all, runs at the usual priority; upkeep and what people look at step back behind it,
since a stream that starves never gets warm and never catches up. On a kernel that groups processes by session
(autogroup) the nice value of a process counts only within its session, so the session's own is set as well.
"""

import contextlib
import os
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")


def step_back(by: int, autogroup: Path = AUTOGROUP) -> None:
    """Raise the nice value of this process, of what it starts and of its session. Call it in a session's leader."""
    nice = os.nice(by)
    if by:
        step_session_back(nice, autogroup)


def step_session_back(nice: int, autogroup: Path = AUTOGROUP) -> None:
    """Set the nice value of this process's session alone; sessions that are begun in it have their own."""
    if os.getpid() == os.getsid(0):
        with contextlib.suppress(OSError):  # another system, or a kernel without it
            autogroup.write_text(str(nice))
