"""Run something short in one process at a time; the others wait. For a process's whole life: runtime/lease.py."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def hold_lock(file: Path) -> Iterator[None]:
    """Hold the lock of that name, made where it is missing; waits while another does. A dead holder holds nothing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    opened = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with suppress(OSError):
            os.fchmod(opened, 0o600)  # whoever can open it can hold it
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)
