"""A live server in a process of its own, and a producer."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from whale_platform.broker.producer import TradeProducer
from whale_platform.domain.names import WHALE_ALERTS
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.settings import Settings
from whale_platform_tests.api.push.builders import alert
from whale_platform_tests.support.kafka_server import KafkaServer, environment, free_port
from whale_platform_tests.support.postgres_server import database, empty_database, postgres_server

__all__ = ["database", "empty_database", "postgres_server"]


class LiveProcess:
    """The app of `serve.py`. `stop` ends it in order, `start` brings it back on the same port."""

    def __init__(self, bootstrap: KafkaCluster, log: Path) -> None:
        self.port = free_port()
        self.log = log
        self._bootstrap = bootstrap
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it answers."""
        command = [
            sys.executable,
            "-P",
            "-m",
            "whale_platform_tests.api.push.serve",
            str(self.port),
            str(self._bootstrap),
        ]
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(command, env=environment(Settings()), stdout=out, stderr=out)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                self.numbers()
                return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.05)
        raise RuntimeError(f"the live server did not start:\n{self.log.read_text()[-2000:]}")

    def numbers(self) -> dict[str, int]:
        """`PushApp.read_metrics`."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/numbers", timeout=300) as answer:
            return dict(json.loads(answer.read()))

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self.process is not None
        self.process.terminate()
        try:
            return self.process.wait(300)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


@pytest.fixture
def live(kafka: KafkaServer, tmp_path: Path) -> Iterator[LiveProcess]:
    """A running live server on an empty Kafka."""
    server = LiveProcess(kafka.bootstrap, tmp_path / "live.log")
    server.start()
    yield server
    if server.process is not None and server.process.poll() is None:
        server.stop()


@pytest.fixture
def producer(kafka: KafkaServer) -> Iterator[TradeProducer]:
    """Sends to the test's Kafka."""
    sender = TradeProducer(kafka.bootstrap, "live-test")
    yield sender
    sender.close()


@pytest.fixture
def say(producer: TradeProducer) -> Callable[[int], None]:
    """Sends whale `number` of one of four symbols."""

    def send(number: int) -> None:
        symbol = f"S{number % 4}"
        producer.send(WHALE_ALERTS, symbol.encode(), alert(number, symbol=symbol))

    return send
