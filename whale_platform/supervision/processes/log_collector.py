"""The small process beside the supervisor that owns what must outlive it: the log files and the duty to clean up.

Every service writes into a pipe that this process drains into `<name>.log`, rotated at `LOG_LIMIT_BYTES` with
`OLDER_FILES` older files kept; nothing is lost at a rotation, nor when the supervisor is killed (what a service still
writes finds a reader). When the supervisor's end closes the control pipe, the services get `GRACE_S` to end by their
parent watches; whatever is left of their process groups is then killed, grandchildren too.

With `echo` everything is written to its own stdout too: in a container, where the engine keeps logs. What the engine
does not read in time is dropped there; the files have it.

Runs as a plain script without site-packages (`python -I -S log_collector.py LOGS CONTROL_FD …`): standard library
only. A supervisor of older code may start it again after new code was checked out, so the order of its arguments is
fixed. A full disk drops log bytes rather than block a service. Colours, which Dagster's daemon writes also where there
is no terminal, are left out.
"""

import contextlib
import os
import re
import select
import selectors
import signal
import sys
import time
from pathlib import Path

LOG_LIMIT_BYTES = 10_000_000
OLDER_FILES = 2
GRACE_S = 60.0
LAST_WORDS_S = 2.0
ECHO_OPTION = "--echo"
_COLOURS = re.compile(rb"\x1b\[[0-9;]*m")


class RotatingLogFile:
    """One growing file, turned over at `limit` bytes."""

    def __init__(self, path: Path, limit: int, older: int) -> None:
        self._path = path
        self._limit = limit
        self._older = older
        self._fd: int | None = None

    def write(self, data: bytes) -> None:
        """Append; what a full disk refuses is dropped."""
        try:
            if self._fd is None:
                self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            size = os.fstat(self._fd).st_size
            if size and size + len(data) > self._limit:
                self._rotate()
            os.write(self._fd, data)
        except OSError:
            self._close()

    def _rotate(self) -> None:
        self._close()
        for number in range(self._older, 0, -1):
            source = self._path if number == 1 else self._path.with_name(f"{self._path.name}.{number - 1}")
            if source.exists():
                source.replace(self._path.with_name(f"{self._path.name}.{number}"))
        self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def _close(self) -> None:
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = None


def process_group_exists(group: int) -> bool:
    """Whether any process of this process group is there (zombies count)."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _write_without_waiting(fd: int, data: bytes) -> None:
    """Drop the rest rather than wait: a pipe that can be written has room for `PIPE_BUF` bytes.

    O_NONBLOCK would do the same, but hold for the supervisor too, which shares the open file.
    """
    with contextlib.suppress(OSError):
        for start in range(0, len(data), select.PIPE_BUF):
            if not select.select([], [fd], [], 0)[1]:
                return
            os.write(fd, data[start : start + select.PIPE_BUF])


def collect_logs(
    logs: Path,
    control: int,
    pipes: dict[int, str],
    limit: int = LOG_LIMIT_BYTES,
    grace_s: float = GRACE_S,
    echo: bool = False,
) -> None:
    """Drain `pipes` (fd -> service) until all have ended; end the groups told over `control` once that closes."""
    selector = selectors.DefaultSelector()
    files = {fd: RotatingLogFile(logs / f"{name}.log", limit, OLDER_FILES) for fd, name in pipes.items()}
    for fd in (control, *pipes):
        selector.register(fd, selectors.EVENT_READ)
    groups: set[int] = set()
    rest = b""
    orphaned: float | None = None
    killed: float | None = None
    while selector.get_map() or (groups and killed is None):
        for key, _ in selector.select(0.1 if orphaned is not None else None):
            data = os.read(key.fd, 65_536)
            if not data:
                selector.unregister(key.fd)
                if key.fd == control:
                    orphaned = time.monotonic()
            elif key.fd == control:
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    (groups.add if line[:1] == b"+" else groups.discard)(int(line[1:]))
            else:
                data = _COLOURS.sub(b"", data)
                files[key.fd].write(data)
                if echo:
                    _write_without_waiting(1, data)
        if orphaned is None:
            continue
        groups = {group for group in groups if process_group_exists(group)}
        now = time.monotonic()
        if groups and killed is None and now - orphaned >= grace_s:
            for group in groups:
                with contextlib.suppress(OSError):
                    os.killpg(group, signal.SIGKILL)
            killed = now
        if (not groups or killed is not None) and now - max(orphaned, killed or 0.0) >= LAST_WORDS_S:
            return


def main(argv: list[str]) -> None:
    """`log_collector.py LOGS CONTROL_FD LIMIT GRACE NAME:FD… [--echo]`."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    logs, control, limit, grace_s, *parts = argv
    pipes = {int(fd): name for name, _, fd in (part.rpartition(":") for part in parts if part != ECHO_OPTION)}
    collect_logs(Path(logs), int(control), pipes, int(limit), float(grace_s), ECHO_OPTION in parts)


if __name__ == "__main__":
    main(sys.argv[1:])
