"""What a newcomer does: clone, `./whale up`, on a machine with neither Java nor Node.js.

When each thing was there is printed and kept in `WHALE_ARTEFACTS`, where that is set; no machine is too slow for it.
"""

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from whale_platform.api.endpoints import static_files
from whale_platform.bench.harness.platform import PORT_NAMES, find_free_ports, wait_for
from whale_platform.toolchain import web_assets
from whale_platform_tests.bootstrap.conftest import ROOT
from whale_platform_tests.support import newcomer_machine
from whale_platform_tests.toolchain.test_spark_java import PROGRAM

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


class Clone:
    """A fresh clone, its newcomer's shell, and when each thing was first seen, in s since `./whale up`."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "clone"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(self.root)], check=True)
        self.python = shutil.which("python3", path=os.defpath) or sys.executable
        ports = zip(PORT_NAMES, find_free_ports(len(PORT_NAMES)), strict=True)
        self.environment = newcomer_machine.newcomer_environment(folder / "bin")
        self.environment |= {f"WHALE_{name}_PORT": str(port) for name, port in ports}
        self.begun = time.monotonic()
        self.seen: dict[str, float] = {}

    def note(self, what: str) -> None:
        self.seen[what] = round(time.monotonic() - self.begun, 1)

    def whale(self, *words: str) -> "subprocess.CompletedProcess[str]":
        command = [self.python, str(self.root / "whale"), *words]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True)

    def up(self) -> str:
        """`./whale up --source simulator --detach`; what it printed. It goes on where the network interrupted it."""
        command = [self.python, str(self.root / "whale"), "up", "--source", "simulator", "--detach"]
        for _ in range(3):
            self.begun, printed = time.monotonic(), ""
            with subprocess.Popen(
                command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            ) as up:
                assert up.stdout is not None
                for line in up.stdout:
                    printed += line
                    if " symbols of " in line:
                        self.note("set-up")
            if up.returncode == 0:
                self.note("ready")
                return printed
            if "check the network" not in printed:
                break
        raise AssertionError(printed[-3000:])

    def await_row(self, table: str, what: str) -> None:
        """Wait for the first row of a table."""
        query = ("psql", "-X", "-At", "-c", f"select count(*) from {table}")
        wait_for(f"a row in {table}", lambda: int(self.whale(*query).stdout or 0), seconds=900)
        self.note(what)


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    made = Clone(tmp_path)
    yield made
    made.whale("down")


def test_a_fresh_clone_without_java_or_node_comes_to_whales_and_ends(clone: Clone) -> None:
    tools = clone.root / ".whale" / "tools"
    clone.up()
    clone.await_row("trade_windows", "first window row")
    clone.await_row("whale_alerts", "first whale")
    print(clone.seen)
    assert list(clone.seen) == ["set-up", "ready", "first window row", "first whale"]
    if folder := os.environ.get("WHALE_ARTEFACTS"):
        Path(folder, "fresh_clone.json").write_text(json.dumps(clone.seen))
    javas = {Path(one).resolve() for one in _java_binaries(clone.root)}
    assert {java.parent.parent.name for java in javas} == {"java-runtime"}, "broker and Spark run the wheel's Java"
    down = clone.whale("down")
    assert down.returncode == 0, down.stderr
    assert not [process.cmdline() for process in _processes(clone.root)]

    assert (tools / "java" / "bin" / "java").exists()
    assert all((web_assets.node_modules_path(tools) / file).stat().st_size for file in static_files.VENDOR.values())
    assert not (web_assets.node_modules_path(tools) / "axe-core").exists(), "only tests load it"
    again = clone.whale("--help")
    assert (again.returncode, again.stderr) == (0, "")
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=clone.root, capture_output=True, text=True, check=True
    )
    assert status.stdout == ""
    _check_image(clone)


def _check_image(clone: Clone) -> None:
    """With the environment of the container image, Spark starts from this set-up."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    words = re.findall("^ENV (.+)$", text, re.MULTILINE)
    image = dict(word.split("=", 1) for line in words for word in shlex.split(line))
    assert image["JAVA_HOME"] == "/app/.whale/tools/java"
    places = {
        "/app": str(clone.root),
        "/state": str(clone.root / ".whale" / "state"),
        "$PATH": clone.environment["PATH"],
    }
    for name, value in image.items():
        for ours, here in places.items():
            value = value.replace(ours, here)
        clone.environment[name] = value
    done = subprocess.run(
        [f"{clone.root}/.venv/bin/python", "-c", PROGRAM],
        env=clone.environment,
        cwd=clone.root,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split()[1].startswith("21.")


def _processes(root: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if process.environ().get("WHALE_HOME", "").startswith(str(root)):
                yield process
        except psutil.Error:
            continue


def _java_binaries(root: Path) -> list[str]:
    """What Java forks has its name until it executes something else: only the binary itself tells."""
    found = []
    for process in _processes(root):
        with contextlib.suppress(psutil.Error):
            found.append(process.exe())
    return [binary for binary in found if Path(binary).name == "java"]
