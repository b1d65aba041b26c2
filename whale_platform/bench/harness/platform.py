"""The whole platform as a user starts it, by its own command line, in a home of its own on free ports.

Benchmarks and end-to-end tests share it. Nothing here reaches into the platform: only `whale` commands, its published
state, and the broker and database at the addresses that this names.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from whale_platform import homes
from whale_platform.embedded import postgres
from whale_platform.settings import ROOT, Settings
from whale_platform.supervision.runtime import exit_codes
from whale_platform.topology import home_state

PORT_NAMES = ("KAFKA", "KAFKA_CONTROLLER", "POSTGRES", "SIMULATOR", "DAGSTER", "API")


class PlatformError(Exception):
    """A command or a wait failed; the message holds what was printed."""


class Platform:
    """One base folder and its ports. `settings`: further `WHALE_…` variables."""

    def __init__(self, base: Path, settings: dict[str, str] | None = None) -> None:
        kept = {name: value for name, value in os.environ.items() if name in _KEPT or not name.startswith("WHALE_")}
        ports = dict(
            zip([f"WHALE_{name}_PORT" for name in PORT_NAMES], map(str, find_free_ports(len(PORT_NAMES))), strict=True)
        )
        self.base = base
        self.env = {**kept, **ports, "WHALE_HOME": str(base), "PYTHONPATH": str(ROOT), **(settings or {})}

    def run_command(self, *words: str, timeout: float = 600, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a `whale` command. Raises PlatformError where it fails and `check`."""
        done = subprocess.run(
            [sys.executable, "-m", "whale_platform.cli", *words],
            env=self.env,
            cwd=self.base,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            raise PlatformError(f"whale {' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def start(self, *words: str) -> None:
        """`up --detach`: returns when every service is ready, or nothing moves any more."""
        self.run_command("up", "--detach", *words, timeout=3600)

    def stop(self) -> None:
        """`down`, whatever state it is in."""
        self.run_command("down", check=False)

    def audit(self, *words: str, most_s: float = 900) -> "subprocess.CompletedProcess[str]":
        """Run `audit` until all has arrived everywhere, for about so long; its last answer."""
        end = time.monotonic() + most_s
        while True:
            done = self.run_command("audit", *words, timeout=3600, check=False)
            if done.returncode != exit_codes.RETRY or time.monotonic() > end:
                return done
            time.sleep(10)

    def status(self) -> dict[str, Any]:
        """As `status --json` prints it; read in this process, since a command a poll would take what is measured."""
        there = homes.find_current_home(self.base)
        if there is None:
            raise PlatformError(f"nothing has run in {self.base} yet")
        return home_state.take_snapshot(there)

    def sql(self, query: str) -> list[list[str]]:
        """Rows of a query, as psql prints them. Raises PlatformError where Postgres does not answer."""
        port = self.env["WHALE_POSTGRES_PORT"]
        settings = Settings.model_validate({"home": self.status()["home"], "postgres_port": port})
        argv, env = postgres.psql_command(settings, ["-X", "-At", "-F", "\t", "-c", query])
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise PlatformError(f"psql: exit {done.returncode}\n{done.stderr}")
        return [line.split("\t") for line in done.stdout.splitlines()]

    def processes(self) -> list[psutil.Process]:
        """Every process that works in this home, other than the caller; Postgres's children hide their environment."""
        found: dict[int, psutil.Process] = {}
        for process in psutil.process_iter():
            if process.pid != os.getpid() and self._works_here(process):
                with contextlib.suppress(psutil.Error):
                    found |= {one.pid: one for one in (process, *process.children(recursive=True))}
        return list(found.values())

    def _works_here(self, process: psutil.Process) -> bool:
        try:
            home = process.environ().get("WHALE_HOME", "")
            return home.startswith(str(self.base)) or str(self.base) in " ".join(process.cmdline())
        except psutil.Error:
            return False


_KEPT = ("WHALE_TOOLS", "WHALE_JAVA", "WHALE_JAVA_HOME", "WHALE_PG_BIN")


def find_free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(sock.getsockname()[1]) for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


def wait_for(
    what: str,
    ready: Callable[[], Any],
    seconds: float = 600,
    every: float = 0.5,
    moves: Callable[[], object] = lambda: None,
    meanwhile: tuple[type[Exception], ...] = (),
) -> Any:
    """Poll until `ready()` is true; its value. Raises PlatformError, naming what was waited for.

    `seconds` count from the last change of what `moves()` gives; `meanwhile` are exceptions of `ready` that mean no.
    `every` is stretched so that looking takes a tenth of a core at most from what is waited for.
    """
    end, seen = time.monotonic() + seconds, moves()
    while time.monotonic() < end:
        spent = time.thread_time()
        with contextlib.suppress(*meanwhile):
            if value := ready():
                return value
        if (now := moves()) != seen:
            seen, end = now, time.monotonic() + seconds
        time.sleep(max(every, min(9 * (time.thread_time() - spent), (end - time.monotonic()) / 2)))
    raise PlatformError(f"waited {seconds:.0f} s in vain for {what}")
