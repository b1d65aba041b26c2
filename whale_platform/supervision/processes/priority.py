"""CPU priority of services: which process gets the processor first where there is too little of it.

What moves trades, the stream above all, runs at the usual priority; upkeep and what people look at get a lower one,
since a stream that starves never gets warm and never catches up. On a kernel that groups processes by session
(autogroup) the nice value of a process counts only within its session, so the session's own is set as well.
"""

import contextlib
import os
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")


def lower_priority(by: int, autogroup: Path = AUTOGROUP) -> None:
    """Raise the nice value of this process, of what it starts and of its session. Call it in a session's leader."""
    nice = os.nice(by)
    if by and os.getpid() == os.getsid(0):
        with contextlib.suppress(OSError):  # another system, or a kernel without it
            autogroup.write_text(str(nice))


def lower_group_priority(leader: int, nice: int) -> None:
    """Set the nice value of another process's group, of every thread in it, and of its session; never lowers one."""
    with contextlib.suppress(OSError):  # it may have ended
        os.setpriority(os.PRIO_PGRP, leader, max(nice, os.getpriority(os.PRIO_PGRP, leader)))
    with contextlib.suppress(OSError):  # another system, or a kernel without it
        Path(f"/proc/{leader}/autogroup").write_text(str(nice))
