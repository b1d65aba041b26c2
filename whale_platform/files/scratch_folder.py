"""Scratch folders that do not outlive a killed process: each is locked by its user, and the next user sweeps the rest.

The kernel drops the lock with the process, so what is swept is in nobody's use, however many work side by side.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def open_scratch_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A new folder `parent/PREFIX…`, deleted at the end; those of dead processes with that prefix are deleted first.

    Raises OSError where `parent` can't be written.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with _hold_folder_lock(parent):
        for left in parent.glob(f"{prefix}*"):
            if left.is_dir() and not _in_use(left):
                shutil.rmtree(left, ignore_errors=True)
        made = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        used = os.open(made, os.O_RDONLY)
        fcntl.flock(used, fcntl.LOCK_EX)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        os.close(used)


@contextmanager
def _hold_folder_lock(folder: Path) -> Iterator[None]:
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def _in_use(folder: Path) -> bool:
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(opened)
    return False
