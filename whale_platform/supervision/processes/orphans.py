"""Orphans: processes that an earlier supervisor of this home left. They are ended before anything is started.

Only for the holder of the home's supervisor lease: then every process that carries this home's mark in its own
environment is an orphan, whatever its pid. Nothing is guessed from pids, which the kernel hands out again.
"""

import contextlib
import os
from collections.abc import Callable, Collection
from pathlib import Path

import psutil

from whale_platform.supervision.processes import termination

GRACE_S = 12.0  # of nothing at all


def find_orphans(home: Path, only: Collection[str] | None = None) -> list[psutil.Process]:
    """Living processes started by a supervisor of `home`, this process and its parents left out.

    `only`: the services of a supervisor that is not the home's only one; None: all.
    """
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        if process.pid in own:
            continue
        with contextlib.suppress(psutil.Error, OSError):
            env = process.environ()
            name = env.get("WHALE_SERVICE")
            ours = name and env.get("WHALE_HOME") == str(home) and (only is None or name in only)
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def end_orphans(
    home: Path,
    write_line: Callable[[str], None] = lambda text: None,
    grace_s: float = GRACE_S,
    only: Collection[str] | None = None,
) -> list[int]:
    """Wait for orphans to end by their parent watches, and kill those that do nothing any more; returns the pids
    found."""
    found = find_orphans(home, only)
    termination.wait_for_exit(found, grace_s, write_line)
    return [process.pid for process in found]
