"""The services of the compose file without an engine: order, restarts and the end of them as Compose's.

Whatever ends without having been killed or told to fails the test with what it wrote, and so does a time in which
nothing begins, ends, becomes healthy or answers otherwise than before.
"""

import http.client
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from whale_platform.settings import ROOT
from whale_platform_tests.compose.native.container import PATIENCE_S, Container
from whale_platform_tests.compose.native.image import Image
from whale_platform_tests.compose.native.machine import Machine

PROFILES = {"platform", "simulator"}
STEP_S = 0.25
SUPERVISED = "whale_platform.topology.container"
LOG = "log_collector"  # it reads on for as long as there is something to read


def resolve(settings: dict[str, str]) -> dict[str, Any]:
    """The compose file as Compose resolves it with nothing but `settings` in its environment: services by name."""
    compose = shutil.which("docker-compose")
    if compose is None:
        pytest.skip("no docker-compose here: install Debian's package of that name")
    told = subprocess.run([compose, "version", "--short"], capture_output=True, text=True, check=False)
    version = told.stdout.strip()
    if not version.startswith("1."):
        pytest.skip(f"docker-compose {version}: what this reads is the output of version 1")
    env = {"PATH": os.environ["PATH"], **settings}
    done = subprocess.run([compose, "config"], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = yaml.safe_load(done.stdout)
    found["services"] = {name: one for name, one in found["services"].items() if PROFILES.intersection(one["profiles"])}
    return found


class Services:
    """All of them; nothing runs yet."""

    def __init__(self, found: dict[str, Any], images: dict[str, Image], machine: Machine, place: Path) -> None:
        self.machine, self.place = machine, place
        self.found: dict[str, dict[str, Any]] = found["services"]
        self.events: list[tuple[str, str]] = []  # what, whose: in order
        self._killed: set[str] = set()
        secrets = {name: Path(one["file"]) for name, one in found["secrets"].items()}
        for name in ("hosts", "resolv.conf"):
            (place / name).touch()
        self.all = {
            name: Container(name, one, images[one["image"]], machine, place, secrets)
            for name, one in self.found.items()
        }

    def are_up(self) -> bool:
        """Whether each that has a health check is healthy and each of the others has ended well."""
        return all(one.healthy or self.completed(name) for name, one in self.all.items())

    def until(self, what: Callable[[], Any], about: Callable[[], object] = lambda: None) -> Any:
        """Look after all of them until `what()` is true, and return it. about: changes as long as there is progress."""
        known, since = None, time.monotonic()
        while True:
            self._look()
            if answer := what():
                return answer
            now = (len(self.events), about())
            if now != known:
                known, since = now, time.monotonic()
            assert time.monotonic() - since < PATIENCE_S, f"nothing has happened for {PATIENCE_S} s: {self._describe()}"
            time.sleep(STEP_S)

    def completed(self, name: str) -> bool:
        """Whether it has ended well, as one that runs once does."""
        return self.all[name].exits[-1:] == [0] and not self.all[name].running

    def kill(self, name: str) -> None:
        """SIGKILL; returns when its policy has brought it back and it is healthy again."""
        one, starts = self.all[name], self.all[name].starts
        self._killed.add(name)
        one.signal(signal.SIGKILL)
        self.until(lambda: one.starts > starts and one.healthy)
        self._killed.remove(name)

    def stop(self, *names: str) -> None:
        """Stop these, each before what it depends on. A supervisor that leaves a service behind fails the test."""
        left = set(names)
        while left:
            for name in sorted(left):
                if any(name in self._needs(other) for other in left):
                    continue
                left.discard(name)
                if self.all[name].running:
                    lived_on = self.all[name].stop()
                    self.events.append(("stopped", name))
                    kept = SUPERVISED in self.found[name].get("command", [])
                    assert not kept or all(LOG in words for words in lived_on), f"{name} left {lived_on}"
        self._write_hosts()

    def volume(self, name: str) -> Path:
        """Where a volume lies."""
        return self.place / "volumes" / name

    def close(self) -> None:
        """Kill what still runs."""
        for one in self.all.values():
            one.close()

    def exec(self, name: str, *words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """`docker compose exec -T`."""
        command = self.all[name].exec_command(list(words))
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"{words}: {done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done

    def fetch_json(self, published: int, path: str) -> Any:
        """GET from a port that is published on 127.0.0.1; None where nothing answers."""
        name, port = self.published()[published]
        asked = http.client.HTTPConnection("127.0.0.1", published)
        try:
            asked.sock = self.machine.connect(name, port)
            asked.request("GET", path)
            return json.loads(asked.getresponse().read())
        except (OSError, http.client.HTTPException):
            return None
        finally:
            asked.close()

    def published(self) -> dict[int, tuple[str, int]]:
        """Service and port of the container by the port on this machine."""
        out = {}
        for name, one in self.found.items():
            for text in one.get("ports", []):
                host, outer, inner = text.removesuffix("/tcp").split(":")
                assert host == "127.0.0.1"
                out[int(outer)] = (name, int(inner))
        return out

    def _look(self) -> None:
        for name, one in self.all.items():
            if not one.starts and all(self._holds(need, how) for need, how in self._needs(name).items()):
                self._start(name)
            was = one.healthy
            if (code := one.observe()) is not None:
                self._ended(name, code)
            if one.healthy and not was:
                self.events.append(("healthy", name))

    def _start(self, name: str) -> None:
        self._write_hosts(name)
        self.all[name].start()
        self.events.append(("started", name))

    def _ended(self, name: str, code: int) -> None:
        self.events.append(("ended", name))
        policy = self.found[name]["restart"]
        expected = 128 + signal.SIGKILL if name in self._killed else 0 if policy == "on-failure" else None
        assert code == expected, f"{name} ended with {code}: {self.all[name].log.read_text()[-3000:]}"
        if policy == "unless-stopped" or (policy == "on-failure" and code):
            self._start(name)

    def _needs(self, name: str) -> dict[str, str]:
        return {need: how["condition"] for need, how in self.found[name].get("depends_on", {}).items()}

    def _holds(self, name: str, condition: str) -> bool:
        one = self.all[name]
        return {
            "service_started": one.starts > 0,
            "service_healthy": one.healthy,
            "service_completed_successfully": self.completed(name),
        }[condition]

    def _write_hosts(self, *more: str) -> None:
        """A name is known as long as its container runs. The file is mounted, and so written in place."""
        lines = ["127.0.0.1 localhost"]
        for name, one in self.all.items():
            if one.running or name in more:
                lines.append(f"{self.machine.addresses[name]} {name} {name}-1")
        (self.place / "hosts").write_text("\n".join([*lines, ""]))

    def _describe(self) -> dict[str, str]:
        """Those that are not as they should be: health checks and the ends of logs."""
        return {
            name: f"started {one.starts} times; {one.said}; {one.log.read_text()[-1500:] if one.starts else ''}"
            for name, one in self.all.items()
            if not (one.healthy or self.completed(name))
        }
