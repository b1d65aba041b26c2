"""Fixtures of embedded servers and tools, to import into a folder's conftest.

A home of its own on random ports, and servers that are ended by their pid.
"""

import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from whale_platform.embedded import broker_archive
from whale_platform.settings import Settings
from whale_platform.toolchain import jars, web_assets
from whale_platform.toolchain.errors import ToolchainError

START_S = 300.0

StartServer = Callable[[list[str], int], "subprocess.Popen[bytes]"]


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_answers(port: int) -> bool:
    """Whether something accepts connections on the port."""
    try:
        socket.create_connection(("127.0.0.1", port), 0.5).close()
    except OSError:
        return False
    return True


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for `condition`; a test that waits in vain fails with `what`."""
    deadline = time.monotonic() + START_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def tools() -> Path:
    """The checkout's tools, with every jar and the broker's class data archive, which some forty starts then save."""
    folder = Settings().tools
    jars.ensure_jars(folder, print)
    broker_archive.ensure_archive(folder)
    return folder


@pytest.fixture(scope="session")
def browser_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tools with the browser's files of the lock, fetched by the real npm; skipped where it has no network."""
    folder = tmp_path_factory.mktemp("tools")
    fetch_or_skip(folder, "run")
    return folder


def fetch_or_skip(folder: Path, kind: web_assets.WebAssetsKind) -> None:
    """The real web.ensure."""
    try:
        web_assets.ensure_web_assets(folder, kind, print)
    except ToolchainError as error:
        if re.search("ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH", str(error)):
            pytest.skip(f"npm's registry can't be reached here: {error}")
        raise


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A fresh home on free ports; the tools are the checkout's."""
    kafka, controller, postgres = free_port(), free_port(), free_port()
    return Settings(home=tmp_path / "home", kafka_port=kafka, kafka_controller_port=controller, postgres_port=postgres)


@pytest.fixture
def start() -> Iterator[StartServer]:
    """Start a server and wait for its port; it is killed by its pid at the test's end."""
    running: list[subprocess.Popen[bytes]] = []

    def begin(command: list[str], port: int) -> "subprocess.Popen[bytes]":
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=os.environ)
        running.append(server)
        wait_until(lambda: port_answers(port) or server.poll() is not None, f"{command[0]} on port {port}")
        assert server.poll() is None
        return server

    yield begin
    for server in running:
        if server.poll() is None:
            server.kill()
        server.wait()
