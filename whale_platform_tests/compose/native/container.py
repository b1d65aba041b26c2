"""One service of the compose file as a container without an engine.

What the file says of it is honoured: command, environment, user, rights, mounts, health check, signal and grace of its
end. Its memory is not limited, and a health check takes as long as it needs.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from whale_platform_tests.compose.native import enter
from whale_platform_tests.compose.native.image import Image
from whale_platform_tests.compose.native.machine import Machine
from whale_platform_tests.support.fake_services import wait_for_result

PROBE_S = 4.0  # of a container that is not healthy yet; an engine asks every 5 s then
PATIENCE_S = 900.0
NEVER_S = 1e9
DURATION = re.compile(r"([0-9.]+)([hms])")
ENTER = [sys.executable, "-I", "-S", enter.__file__]


class Container:
    """One service's."""

    def __init__(
        self, name: str, given: dict[str, Any], image: Image, machine: Machine, place: Path, secrets: dict[str, Path]
    ) -> None:
        """given: as Compose resolves it; place: a folder with `hosts` and `resolv.conf`, and for all volumes."""
        self.name, self.given, self.image, self.machine = name, given, image, machine
        self.folder = place / "containers" / name
        self.place = place
        self.exits: list[int] = []
        self.starts = 0
        self.healthy = False
        self.said = ""  # by the last health check
        self._process: subprocess.Popen[bytes] | None = None
        self._probe: subprocess.Popen[bytes] | None = None
        self._probe_at = 0.0
        self._main: psutil.Process | None = None
        self._prepare(secrets)

    @property
    def running(self) -> bool:
        """Whether it has been started and has not been seen to end."""
        return self._process is not None

    @property
    def log(self) -> Path:
        """All that it wrote."""
        return self.folder / "log"

    def start(self) -> None:
        """Start it, and wait until its program runs."""
        self.starts += 1
        left = self.folder / "left"
        left.unlink(missing_ok=True)
        words = self.machine.command(self.name, [*ENTER, "start", str(self.folder / "given.json")])
        with self.log.open("ab") as log:
            self._process = process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for_result(lambda: process.poll() is not None or (left.exists() and left.read_bytes()), PATIENCE_S)
        if process.poll() is None:
            self._main = psutil.Process(process.pid).children(recursive=True)[1]
        self._probe_at = time.monotonic() + PROBE_S

    def observe(self) -> int | None:
        """Look at it: its exit code where it has ended, and whether its health check answers."""
        if self._process is not None and (code := self._process.poll()) is not None:
            self._process = self._main = None
            self.healthy = False
            self._end_probe()
            self.exits.append(code)
            return code
        if (probe := self._probe) is not None and probe.poll() is not None:
            self._probe = None
            self.healthy, self.said = probe.returncode == 0, probe.communicate()[0].decode()
            assert probe.returncode != enter.NOT_FOUND, f"{self.name}: {self.said}"
            self._probe_at = time.monotonic() + (NEVER_S if self.healthy else PROBE_S)
        elif probe is None and self.running and "healthcheck" in self.given and self._probe_at < time.monotonic():
            kind, *words = self.given["healthcheck"]["test"]
            assert kind == "CMD", f"{self.name}: {kind}"
            command = self.exec_command(words)
            self._probe = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return None

    def exec_command(self, words: list[str]) -> list[str]:
        """What runs `words` in it."""
        assert self._main is not None, f"{self.name} does not run"
        inside = ["nsenter", "-t", str(self._main.pid), "-m", "-n", "-p", "-u", "-i"]
        return [*inside, *ENTER, "exec", str(self.folder / "given.json"), *words]

    def signal(self, number: signal.Signals) -> None:
        """Send it to the first process, as `docker kill` does."""
        assert self._main is not None
        self._main.send_signal(number)

    def stop(self) -> list[str]:
        """As `docker stop`; returns what lived on when the program had ended. Killed after the grace: 137."""
        assert self._process is not None
        self.signal(signal.Signals[self.given.get("stop_signal", self.image.stop_signal)])
        try:
            self._process.wait(seconds(self.given.get("stop_grace_period", "10s")))
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self._process.wait()
        assert self.observe() is not None
        return (self.folder / "left").read_text().split("\n")[1:-1]

    def close(self) -> None:
        """Kill it, if it runs."""
        if self._main is not None and self._process is not None and self._process.poll() is None:
            self.signal(signal.SIGKILL)
            self._process.wait()
        self._end_probe()

    def _end_probe(self) -> None:
        """Its processes have ended with the container's."""
        if self._probe is not None:
            self._probe.communicate()
            self._probe = None

    def _prepare(self, secrets: dict[str, Path]) -> None:
        given, image, points = self.given, self.image, self.folder / "points"
        (self.folder / "root").mkdir(parents=True)
        user, group, home = image.owner(image.user)
        environment = {"HOME": home, "HOSTNAME": f"{self.name}-1", **image.environment}
        environment |= {name: str(value).replace("$$", "$") for name, value in given.get("environment", {}).items()}
        tmpfs = [one.partition(":")[::2] for one in given.get("tmpfs", [])]
        binds = [self._volume(one) for one in given["volumes"]]
        for one in given.get("secrets") or []:
            binds.append((str(secrets[one["source"]]), f"/run/secrets/{one['source']}", "ro"))
        binds += [(str(self.place / name), f"/etc/{name}", "ro") for name in ("hosts", "resolv.conf")]
        for source, target, _ in [*binds, *(("/", target, "") for target, _ in tmpfs)]:
            point = points / target.lstrip("/")
            (point if Path(source).is_dir() else point.parent).mkdir(parents=True, exist_ok=True)
            if not Path(source).is_dir():
                point.touch()
        below = f"lowerdir={points}:{image.folder}/root:{image.base}/root"
        if not given.get("read_only"):
            (self.folder / "written").mkdir()
            (self.folder / "work").mkdir()
            below += f",upperdir={self.folder}/written,workdir={self.folder}/work"
        specification = image.specification(
            [("", below), ("/usr", f"lowerdir={image.folder}/usr:{image.base}/usr:/usr")]
        )
        words = [*(given.get("entrypoint") or image.entrypoint), *(given.get("command") or image.command)]
        specification |= {
            "root": str(self.folder / "root"),
            "hostname": f"{self.name}-1",
            "spaces": ["mount", "uts", "ipc", "pid"],  # its network has been made
            "binds": [*specification["binds"], *binds],
            "tmpfs": tmpfs,
            "shm_size": given.get("shm_size", "64m"),
            "environment": environment,
            "user": user,
            "group": group,
            "capabilities": given.get("cap_add", []),
            "no_new_privileges": "no-new-privileges:true" in given["security_opt"],
            "init": given.get("init", False),
            "left": str(self.folder / "left"),
            "words": [str(word).replace("$$", "$") for word in words],
        }
        assert given["cap_drop"] == ["ALL"]
        (self.folder / "given.json").write_text(json.dumps(specification))

    def _volume(self, text: str) -> tuple[str, str, str]:
        """Source, target and mode; a new volume has the owner and the mode that the image gives its place."""
        source, target, mode = text.split(":")
        folder = Path(source) if source.startswith("/") else self.place / "volumes" / source
        if not folder.exists():
            folder.mkdir(parents=True)
            found = self.image.layer(target).stat()
            os.chown(folder, found.st_uid, found.st_gid)
            folder.chmod(found.st_mode & 0o7777)
        return str(folder), target, mode


def seconds(text: str) -> float:
    """Of a duration as Compose prints it, such as `1m30s`."""
    return sum(float(number) * {"h": 3600, "m": 60, "s": 1}[unit] for number, unit in DURATION.findall(text))
