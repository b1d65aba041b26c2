"""A Docker engine of the test's own, and the compose file's services in it."""

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from whale_platform_tests.support.fake_services import wait_for_result

NEEDED = ("dockerd", "docker", "docker-compose", "iptables", "debootstrap", "git")
API = "http://127.0.0.1:18000"
LONG_S = 3600.0  # no machine is too slow for it


@contextmanager
def start_engine(folder: Path) -> Iterator[dict[str, str]]:
    """An engine with its data in `folder` and all else private; yields the environment of its clients.

    Skips the test, saying so, where an engine can't be started.
    """
    if missing := [name for name in NEEDED if shutil.which(name) is None]:
        pytest.skip(
            f"no engine here: {', '.join(missing)} missing (Debian: docker.io docker-compose iptables debootstrap)"
        )
    if os.geteuid() != 0:
        pytest.skip("an engine of the test's own needs root")
    place = folder / "engine"
    place.mkdir(parents=True, exist_ok=True)
    env = {
        **os.environ,
        "DOCKER_HOST": f"unix://{place}/docker.sock",
        "DOCKER_BUILDKIT": "0",
        "COMPOSE_PROJECT_NAME": "whale",
    }
    words = ["--data-root", folder / "data", "--exec-root", place / "exec", "--pidfile", place / "pid"]
    with (place / "log").open("ab") as log:
        engine = subprocess.Popen(["dockerd", *map(str, words), "-H", env["DOCKER_HOST"]], stdout=log, stderr=log)
    try:
        wait_for_result(lambda: engine.poll() is not None or docker(env, "info", check=False).returncode == 0, LONG_S)
        if engine.poll() is not None:
            pytest.skip(f"the engine does not start here: {(place / 'log').read_text()[-500:]}")
        yield env
    finally:
        engine.send_signal(signal.SIGTERM)
        engine.wait()


def docker(env: dict[str, str], *words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """A command of the engine's client."""
    return subprocess.run(["docker", *words], env=env, capture_output=True, text=True, check=check)


class Composed:
    """The services of a clone's compose file; `env` holds the settings."""

    def __init__(self, clone: Path, env: dict[str, str]) -> None:
        self.clone, self.env = clone, env
        self.figures: dict[str, Any] = {}

    def compose(self, *words: str, check: bool = True) -> str:
        """Compose itself, with the profiles of simulated trades."""
        command = ["docker-compose", "--profile", "platform", "--profile", "simulator", *words]
        done = subprocess.run(command, cwd=self.clone, env=self.env, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"{words}: {done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def up(self) -> None:
        """Until every container that has a health check is healthy."""
        self.compose("up", "-d", "--no-build")
        wait_for_result(lambda: set(self.states().values()) == {"healthy"}, LONG_S)

    def states(self) -> dict[str, str]:
        """The health of each container that is to stay."""
        found = {}
        for one in self.inspected():
            if "Health" in one["State"]:
                running = one["State"]["Running"]
                found[one["Config"]["Labels"]["com.docker.compose.service"]] = (
                    one["State"]["Health"]["Status"] if running else "not running"
                )
        return found

    def inspected(self) -> list[dict[str, Any]]:
        """All containers."""
        ids = docker(self.env, "ps", "-aq").stdout.split()
        found: list[dict[str, Any]] = json.loads(docker(self.env, "inspect", *ids).stdout) if ids else []
        return found

    def whale(self, *words: str, check: bool = True) -> str:
        """A command in the API's container."""
        return self.compose("exec", "-T", "api", "whale", *words, check=check)

    def rows(self, sql: str) -> list[list[str]]:
        """Rows of Postgres."""
        return [line.split("|") for line in self.whale("psql", "-At", "-c", sql).splitlines()]

    def timed(self, name: str, begun: float) -> None:
        """Note the seconds since `begun`."""
        self.figures[name] = round(time.monotonic() - begun, 1)
        print(f"{name}: {self.figures[name]} s")

    def memory(self) -> dict[str, str]:
        """What each container takes of its limit."""
        lines = docker(self.env, "stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}").stdout.splitlines()
        return dict(line.split(maxsplit=1) for line in lines)


def kill(composed: Composed, service: str) -> None:
    """Kill the container's main process, as a crash would: what `docker kill` ends the engine leaves ended."""
    one = next(one for one in composed.inspected() if one["Config"]["Labels"]["com.docker.compose.service"] == service)
    os.kill(one["State"]["Pid"], signal.SIGKILL)

    def back() -> bool:
        now = json.loads(docker(composed.env, "inspect", one["Id"]).stdout)[0]
        return bool(now["RestartCount"] > one["RestartCount"] and composed.states()[service] == "healthy")

    wait_for_result(back, LONG_S)


def fetch_json(path: str) -> Any:
    """The API's JSON; None where it does not answer."""
    try:
        with urllib.request.urlopen(f"{API}{path}", timeout=20) as answer:
            return json.loads(answer.read())
    except OSError:
        return None
