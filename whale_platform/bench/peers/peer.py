"""What a peer is to the measurement: something that turns a topic of raw trades into rows of windows.

A program that ends by itself raises PlatformError with the end of its log.
"""

import contextlib
import os
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from whale_platform.bench.harness.platform import PlatformError

STOP_S = 10.0
PROGRAMS = Path(__file__).with_name("programs")


@dataclass(frozen=True, slots=True)
class PeerPlace:
    """Where a peer works: Kafka's servers, Postgres as a libpq URI, and a folder that is deleted after the run."""

    kafka: str
    dsn: str
    scratch: Path


class Peer(Protocol):
    """Reads raw trades and upserts windows into `table`, whose columns are those of PEER_TABLE.

    `own_topic`: what it reads, where it can't be told. `configuration`: one line for the report.
    """

    name: str
    table: str
    own_topic: str | None
    configuration: str

    def install(self) -> None:
        """Fetch what it needs, for this run only."""

    def start(self, topic: str) -> None:
        """Run it: on a topic that it has not read yet from its beginning, else where it stopped."""

    def stop(self) -> None:
        """End it as a person would, and wait for that."""

    def kill(self) -> None:
        """`kill -9` of all its processes at once."""

    def processes(self) -> list[psutil.Process]:
        """Its processes that live, children included."""

    def check_alive(self) -> None:
        """Raise PlatformError where it has ended by itself."""

    def is_settled(self) -> bool:
        """Whether it runs as it will when it has caught up; asked some times a second."""


class ProgramPeer(ABC):
    """A peer that is one program and its children, with a virtual environment in its scratch folder."""

    name = ""
    table = ""
    own_topic: str | None = None
    configuration = ""
    requirements: tuple[str, ...] = ()

    def __init__(self, place: PeerPlace) -> None:
        self.place = place
        self.folder = place.scratch / self.name
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def venv(self) -> Path:
        """The folder of its virtual environment."""
        return self.folder / "venv"

    def install(self) -> None:
        """Make the virtual environment and install `requirements`. Raises PlatformError with what pip said."""
        for command in (
            [sys.executable, "-m", "venv", str(self.venv)],
            [str(self.venv / "bin" / "python"), "-m", "pip", "install", "--quiet", *self.requirements],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise PlatformError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")

    @abstractmethod
    def build_command(self, topic: str) -> tuple[list[str], dict[str, str]]:
        """What to run, and variables to add to the environment."""

    def start(self, topic: str) -> None:
        """Run the program in a process group of its own."""
        command, variables = self.build_command(topic)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("WHALE_", "PYTHON"))}
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, env={**kept, **variables}, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for what does not end within STOP_S."""
        if self._process is None:
            return
        victims = self.processes()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        psutil.wait_procs(victims, STOP_S)
        self.kill()

    def kill(self) -> None:
        """SIGKILL for the whole tree."""
        for victim in self.processes():
            with contextlib.suppress(psutil.Error):
                victim.kill()
        if self._process is not None:
            self._process.wait()
            self._process = None

    def processes(self) -> list[psutil.Process]:
        """The program and its children."""
        return [] if self._process is None else list_process_tree(self._process.pid)

    def check_alive(self) -> None:
        """Raise PlatformError with the end of the log where the program has ended."""
        if self._process is not None and self._process.poll() is not None:
            tail = (self.folder / "log").read_text(errors="replace")[-3_000:]
            raise PlatformError(f"{self.name} ended by itself, exit {self._process.returncode}:\n{tail}")

    def is_settled(self) -> bool:
        """Return true: these have one way to run."""
        return True


def list_process_tree(pid: int) -> list[psutil.Process]:
    """The process and all its children; none where it is gone."""
    try:
        top = psutil.Process(pid)
        return [top, *top.children(recursive=True)]
    except psutil.Error:
        return []


def sum_cpu_seconds(processes: list[psutil.Process]) -> float:
    """CPU seconds of processes so far, user and system, with those of their children that have ended."""
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            total += sum(process.cpu_times()[:4])
    return total
