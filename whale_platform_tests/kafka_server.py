"""A real Kafka for tests: the embedded one on free ports, in a temporary folder, ended by its own pid.

The jars come from `WHALE_TOOLS`, else from the project's `.whale/tools`; without them the tests are skipped.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from whale_platform.broker import topics
from whale_platform.embedded import jars, kafka
from whale_platform.settings import Settings


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class KafkaServer:
    """One broker. `kill` ends it as a crash would, `start` brings it back on the same data and port."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="whale-kafka-"))
        ports = {"kafka_port": free_port(), "kafka_controller_port": free_port()}
        self._settings = Settings.model_validate({"home": self.folder, **ports})
        self._process: subprocess.Popen[bytes] | None = None
        self.bootstrap = self._settings.bootstrap

    def start(self) -> None:
        """Start, and wait until it answers."""
        kafka.prepare(self._settings)
        log = self.folder / "broker.log"
        with log.open("ab") as out:
            self._process = subprocess.Popen(kafka.command(self._settings), stdout=out, stderr=out)
        deadline = time.monotonic() + 600
        while not topics.alive(self.bootstrap):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Kafka did not start:\n{log.read_text()[-2000:]}")

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send `number` and wait for the end."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(300)

    def close(self) -> None:
        """End it and remove its data."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def fresh_topics(self) -> None:
        """Delete and make again all topics, so that each test begins with empty ones."""
        self.delete_topics()
        topics.ensure(self.bootstrap, partitions=2)

    def delete_topics(self) -> None:
        """Delete all topics, and wait until the broker knows none."""
        client = topics.admin(self.bootstrap)
        present = [name for name in client.list_topics(timeout=120).topics if not name.startswith("__")]
        for future in client.delete_topics(present).values() if present else ():
            future.result(120)
        deadline = time.monotonic() + 300
        while present and topics.describe(self.bootstrap, present) and time.monotonic() < deadline:
            time.sleep(0.05)


def start_kafka() -> KafkaServer:
    """A running broker; skips the test where the jars are missing."""
    tools = Settings().tools
    if not all(jar.path(tools).exists() for jar in jars.read_list() if jar.section == "broker"):
        pytest.skip(f"no Kafka jars in {tools}: run ./whale up once, or set WHALE_TOOLS")
    server = KafkaServer()
    server.start()
    return server


def environment(settings: Settings) -> dict[str, str]:
    """For a service in a child process."""
    return {**os.environ, **settings.environment(), "PYTHONPATH": os.pathsep.join(sys.path)}
