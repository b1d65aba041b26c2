"""The whole platform on a machine that is far too slow, then one on which everything hangs at once: one start for both.

pytest itself stays outside the control group, so that what it asks costs the platform nothing.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from whale_platform.bench.harness.platform import Platform, PlatformError, wait_for
from whale_platform_tests.support.cpu_limit import lift_limit, limit_cpu

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.process,
    pytest.mark.timeout(3600),
    pytest.mark.skipif("WHALE_STARVED" not in os.environ, reason="takes up to an hour: set WHALE_STARVED=1 to run it"),
]
CORES = 0.4
WORKS = ("ready", "degraded")
ENTER = "import os, sys; open(sys.argv[1], 'w').write(str(os.getpid())); os.execv(sys.argv[2], sys.argv[2:])"


@pytest.fixture
def group() -> Iterator[Path]:
    with limit_cpu(CORES) as made:
        yield made


@pytest.fixture
def platform(tmp_path: Path, group: Path) -> Iterator[Platform]:
    made = Platform(tmp_path)
    yield made
    lift_limit(group)
    made.stop()
    wait_for("everything to end", lambda: not made.processes(), 300)


def begin(platform: Platform, group: Path, *words: str) -> "subprocess.Popen[str]":
    """A `whale` command, started in the background in the control group; it answers on stderr."""
    command = [sys.executable, "-m", "whale_platform.cli", *words]
    return subprocess.Popen(
        [sys.executable, "-c", ENTER, str(group / "cgroup.procs"), *command],
        env=platform.env,
        cwd=platform.base,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def services(platform: Platform) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with contextlib.suppress(PlatformError):  # nothing has run yet
        found = platform.status()["services"]
    return found


def test_a_starved_machine_gets_ready_without_a_restart_and_what_hangs_is_noticed(
    platform: Platform, group: Path
) -> None:
    words = ("up", "--source", "simulator", "--rate", "20", "--detach")
    one = begin(platform, group, *words)
    wait_for("a step before a start", lambda: services(platform), 600)
    stops = begin(platform, group, "down")
    said = stops.communicate()[1]
    assert (stops.returncode, "stopped" in said) == (0, True), said
    said = one.communicate()[1]
    assert (one.returncode, "stopped before it was ready" in said) == (1, True), said
    assert not platform.processes()

    both = [begin(platform, group, *words) for _ in range(2)]
    answers = [(up.communicate()[1], up.returncode) for up in both]
    assert [code for _, code in answers] == [0, 0], answers
    assert sorted("joining in" in said for said, _ in answers) == [False, True], answers
    wait_for(
        "the first window row",
        lambda: platform.sql("select 1 from trade_windows limit 1"),
        900,
        moves=lambda: platform.status()["services"]["stream"].get("lag"),
    )
    ready = services(platform)
    assert {name: entry["restarts"] for name, entry in ready.items()} == dict.fromkeys(ready, 0)

    lift_limit(group)
    all_hang(platform)


def all_hang(platform: Platform) -> None:
    """Every service at once: its process stopped, or, as for the stream, the JVM under it."""
    before = {name: entry["pid"] for name, entry in services(platform).items() if entry["pid"] is not None}
    for name, pid in before.items():
        target = pid if name != "stream" else max(psutil.Process(pid).children(recursive=True), key=_memory).pid
        os.kill(target, signal.SIGSTOP)

    def back() -> bool:
        now = services(platform)
        return all(
            now[name]["pid"] not in (None, pid) and now[name]["state"] == "ready" for name, pid in before.items()
        )

    wait_for("every service to come back", back, 900, every=2, moves=lambda: _told(platform))
    last = {name: entry["last_exit"] for name, entry in services(platform).items() if name in before}
    assert last == dict.fromkeys(before, -signal.SIGKILL), last


def _memory(process: psutil.Process) -> int:
    return int(process.memory_info().rss)


def _told(platform: Platform) -> list[tuple[Any, ...]]:
    return [(name, entry["state"], entry["pid"]) for name, entry in services(platform).items()]
