"""The whole platform as a user starts it, in a home of its own on free ports; ended by its own `down`."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]
PORTS = ("KAFKA", "KAFKA_CONTROLLER", "POSTGRES", "SIMULATOR")


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(sock.getsockname()[1]) for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


@dataclass
class Platform:
    """One base folder and its ports."""

    base: Path
    settings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith("WHALE_") or name == "WHALE_TOOLS"
        }
        ports = {f"WHALE_{name}_PORT": str(port) for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True)}
        self.env = {**kept, **ports, "WHALE_HOME": str(self.base), "PYTHONPATH": str(ROOT), **self.settings}

    def whale(self, *words: str, timeout: float = 60, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a `whale` command."""
        return subprocess.run(
            [sys.executable, "-m", "whale_platform.cli", *words],
            env=self.env,
            cwd=self.base,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=check,
        )

    def up(self, *words: str) -> None:
        """`up --detach`; an error shows what it printed."""
        done = self.whale("up", "--detach", *words, timeout=240, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def down(self) -> None:
        """`down`, whatever state it is in."""
        self.whale("down", timeout=120, check=False)

    def status(self) -> dict[str, Any]:
        """`status --json`."""
        answer: dict[str, Any] = json.loads(self.whale("status", "--json", check=False).stdout)
        return answer

    def sql(self, query: str) -> list[list[str]]:
        """Rows of a query, as psql prints them."""
        out = self.whale("psql", "-X", "-At", "-F", "\t", "-c", query).stdout
        return [line.split("\t") for line in out.splitlines()]

    def kill(self, service: str) -> int:
        """kill -9 of the service's process; its pid."""
        pid = int(self.status()["services"][service]["pid"])
        os.kill(pid, signal.SIGKILL)
        return pid

    def processes(self) -> list[psutil.Process]:
        """Every process that works in this home."""
        found = []
        for process in psutil.process_iter():
            try:
                if str(self.base) in " ".join(process.cmdline()) or process.environ().get("WHALE_HOME", "").startswith(
                    str(self.base)
                ):
                    found.append(process)
            except psutil.Error:
                continue
        return [process for process in found if process.pid != os.getpid()]


def wait_for(what: str, ready: Callable[[], Any], seconds: float = 120) -> Any:
    """Poll until `ready()` is true; its value. A time-out names what was waited for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = ready()
        if value:
            return value
        time.sleep(0.5)
    raise AssertionError(f"waited {seconds:.0f} s in vain for {what}")
