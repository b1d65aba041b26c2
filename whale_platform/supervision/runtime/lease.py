"""One process a service and home: an exclusive lock on a file, held for the process's life.

The kernel drops the lock with the process, however it dies, and never while it merely hangs: a stopped predecessor
keeps its lease until the supervisor has killed it. Each grant and refusal is a line in `run/<service>.lease.log`.
Only the owner can open the file: whoever can open it can lock it, and so keep the service from starting.
"""

import contextlib
import fcntl
import os
import time
from pathlib import Path
from typing import IO

from whale_platform.supervision.errors import LeaseRefusedError

LOG_LIMIT = 200_000
HANDED_LEASE = "WHALE_LEASE_FD"


def _try_lock(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_pid(file: IO[str], pid: int) -> None:
    with contextlib.suppress(OSError):  # over what is there, at one stroke: a full disk has no room for more
        os.pwrite(file.fileno(), f"{pid:<20}".encode(), 0)


def pop_handed_lease() -> int | None:
    """The descriptor of the lease that this process was started with, where it was; taken once."""
    number = os.environ.pop(HANDED_LEASE, "")
    return int(number) if number.isdigit() else None


def find_lease_holder(home: Path, service: str) -> int | None:
    """The pid that holds the lease now, or None."""
    try:
        with (home / "run" / f"{service}.lock").open() as file:
            return None if _try_lock(file, fcntl.LOCK_SH) else int(file.read().strip() or "0") or None
    except (OSError, ValueError):
        return None


class Lease:
    """Acquired by `acquire`; released by `release` or at the end of the process."""

    def __init__(self, home: Path, service: str) -> None:
        self._path = home / "run" / f"{service}.lock"
        self._log = home / "run" / f"{service}.lease.log"
        self._service = service
        self._file: IO[str] | None = None

    def acquire(self, descriptor: int | None = None) -> None:
        """Raises LeaseRefusedError at once where another process is alive with it; `descriptor`: see `hand_over`."""
        self._path.parent.mkdir(0o700, parents=True, exist_ok=True)
        if descriptor is None:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        file = os.fdopen(descriptor, "r+")
        with contextlib.suppress(OSError):
            os.fchmod(file.fileno(), 0o600)
        for _ in range(4):
            if taken := _try_lock(file, fcntl.LOCK_EX):
                break
            time.sleep(0.05)  # `holder` may be looking
        if not taken:
            file.seek(0)
            pid = file.read().strip() or "unknown"
            file.close()
            self._log_event(f"refused, held by {pid}")
            raise LeaseRefusedError(f"{self._service} already runs here as pid {pid}") from None
        _write_pid(file, os.getpid())
        os.set_inheritable(file.fileno(), False)
        self._file = file
        self._log_event("granted")

    def fileno(self) -> int:
        """The descriptor to be inherited by the child that is to have the lease."""
        assert self._file is not None
        return self._file.fileno()

    def hand_over(self, pid: int) -> None:
        """Let child `pid`, which has inherited the descriptor, have it: at no moment is it free."""
        if self._file is not None:
            _write_pid(self._file, pid)
            self._file.close()
            self._file = None

    def hold_until_exit(self) -> None:
        """Keep it until the process has ended, so that who waits for it waits for the process too; for good."""
        os.dup(self.fileno())  # the lock is the open file's, whichever of its descriptors is closed first

    def release(self) -> None:
        """Release the lease."""
        if self._file is not None:
            self._log_event("released")
            self._file.close()
            self._file = None

    def _log_event(self, event: str) -> None:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        with contextlib.suppress(OSError):  # on a full disk the lock alone counts
            if self._log.exists() and self._log.stat().st_size > LOG_LIMIT:
                self._log.replace(self._log.with_name(f"{self._log.name}.1"))
            with self._log.open("a") as log:
                log.write(f"{stamp} {self._service} pid {os.getpid()} {event}\n")
