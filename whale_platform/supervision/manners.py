"""Which process gets the processor first where there is too little of it.

Many light processes and a few heavy ones share a small machine: the heavy ones step back, so that what answers people
and moves trades in microseconds need not wait for their time slices. On a kernel that groups processes by session
(autogroup) the nice value of a process counts only within its session, so the session's own is set as well.
"""

import contextlib
import os
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")


def step_back(by: int, autogroup: Path = AUTOGROUP) -> None:
    """Raise the nice value of this process, of what it starts and of its session. Call it in a session's leader."""
    nice = os.nice(by)
    if by and os.getpid() == os.getsid(0):
        with contextlib.suppress(OSError):  # another system, or a kernel without it
            autogroup.write_text(str(nice))
