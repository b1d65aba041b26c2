"""The supervisor's side of log_collector.py: a pipe for each service, and the collector restarted where it ends.

The supervisor holds both ends of every pipe, so a collector that is killed costs no service its stderr: the next one
continues where the pipe stands.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from whale_platform.supervision.processes import log_collector


class LogPipes:
    """Made once per supervisor. Call `ensure_running` often, from the main thread."""

    def __init__(
        self,
        home: Path,
        names: Iterable[str],
        limit: int = log_collector.LOG_LIMIT_BYTES,
        grace_s: float = log_collector.GRACE_S,
        echo: bool = False,
    ) -> None:
        self.logs = home / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self._limit, self._grace_s, self._echo = limit, grace_s, echo
        self._pipes = {name: os.pipe() for name in names}
        self._control: int | None = None
        self._groups: set[int] = set()
        self._process: subprocess.Popen[bytes] | None = None
        self.ensure_running()

    def write_end(self, name: str) -> int:
        """The descriptor that service `name` is to have as stdout and stderr."""
        return self._pipes[name][1]

    def log_path(self, name: str) -> Path:
        """Where its output ends up."""
        return self.logs / f"{name}.log"

    def guard(self, group: int) -> None:
        """Should this process die, end process group `group`."""
        self._groups.add(group)
        self._send(f"+{group}\n")

    def release(self, group: int) -> None:
        """The group has ended."""
        self._groups.discard(group)
        self._send(f"-{group}\n")

    def ensure_running(self) -> None:
        """Start the log collector if it is not running."""
        if self._process is not None and self._process.poll() is None:
            return
        if self._control is not None:
            os.close(self._control)
        control, self._control = os.pipe()
        readers = {name: pipe[0] for name, pipe in self._pipes.items()}
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-I",
                "-S",
                str(Path(log_collector.__file__)),
                str(self.logs),
                str(control),
                str(self._limit),
                str(self._grace_s),
                *(f"{name}:{fd}" for name, fd in readers.items()),
                *([log_collector.ECHO_OPTION] if self._echo else []),
            ],
            pass_fds=(control, *readers.values()),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(control)
        for group in self._groups:
            self._send(f"+{group}\n")

    def close(self) -> None:
        """Let the log collector write what is left and end."""
        for reader, writer in self._pipes.values():
            os.close(reader)
            os.close(writer)
        if self._control is not None:
            os.close(self._control)
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(3 + self._grace_s if self._groups else 3)

    def _send(self, line: str) -> None:
        if self._control is not None:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._control, line.encode())


def read_last_line(path: Path, max_bytes: int = 300) -> str:
    """The last non-empty line of a log, shortened; empty where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 8192))
            lines = file.read().decode(errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip()[:max_bytes] for line in reversed(lines) if line.strip()), "")
