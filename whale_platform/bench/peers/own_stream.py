"""This platform's windows as a peer: its stream and its sink, as the supervisor runs them.

The stream does more than its peers do: whales and the lake come of the same process.
"""

import contextlib
import time
from pathlib import Path

import psutil

from whale_platform.bench.harness.platform import Platform, wait_for
from whale_platform.bench.peers.peer import list_process_tree
from whale_platform.domain.names import RAW_TRADES, TRADE_WINDOWS
from whale_platform.supervision.control import desired_state

SERVICES = ("stream", "sink")
SETTLED_S = 12.0  # in one mode: after a backlog, windows that are asked for in real time go back to it within seconds


class OwnStream:
    """The services `stream` and `sink` of a platform that runs."""

    name = "whale"
    table = TRADE_WINDOWS
    own_topic: str | None = RAW_TRADES
    configuration = "stream and sink as they come; the stream finds whales and writes the lake too"

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._mode: tuple[str | None, float] = (None, 0.0)  # of the windows, and since when

    def install(self) -> None:
        """Do nothing: it is there."""

    def start(self, topic: str) -> None:
        """Let the supervisor run both; it also restarts them after `kill`."""
        self._mode = (None, 0.0)
        for service in SERVICES:
            set_running(self._platform, service, True)

    def stop(self) -> None:
        """Let the supervisor end both, and wait for that."""
        for service in SERVICES:
            set_running(self._platform, service, False)
        wait_until_stopped(self._platform, SERVICES)

    def kill(self) -> None:
        """SIGKILL for all their processes."""
        for victim in self.processes():
            with contextlib.suppress(psutil.Error):
                victim.kill()

    def processes(self) -> list[psutil.Process]:
        """The processes of both services, children included."""
        services = self._platform.status()["services"]
        pids = [services[name]["pid"] for name in SERVICES]
        return [one for pid in pids if pid is not None for one in list_process_tree(pid)]

    def check_alive(self) -> None:
        """Do nothing: the supervisor sees to that."""

    def is_settled(self) -> bool:
        """Whether the windows have been in one mode for SETTLED_S."""
        mode, now = self._platform.status()["services"]["stream"].get("windows_mode"), time.monotonic()
        if mode != self._mode[0]:
            self._mode = (mode, now)
        return mode is not None and now - self._mode[1] >= SETTLED_S


def set_running(platform: Platform, service: str, running: bool) -> None:
    """Say whether a service is to run."""
    desired_state.write_desired_state(Path(platform.status()["home"]), service, running, "the benchmark")


def wait_until_stopped(platform: Platform, services: tuple[str, ...]) -> None:
    """Wait until no process of those services is left. Raises PlatformError."""
    wait_for(
        f"{', '.join(services)} to stop",
        lambda: all(platform.status()["services"][name]["pid"] is None for name in services),
    )
