"""The fake exchange, and the ingester as a process."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from whale_platform.broker.reader import TopicReader
from whale_platform.domain.names import DEAD_LETTERS, INGEST_GAPS, RAW_TRADES
from whale_platform.settings import Settings
from whale_platform.supervision.runtime import heartbeat
from whale_platform.supervision.runtime.heartbeat import Heartbeat
from whale_platform_tests.ingest.fake_binance import FakeBinance, until
from whale_platform_tests.support.kafka_server import KafkaServer, ThreeBrokers, environment

SYMBOLS = ("AAAUSDT", "BBBUSDT", "CCCUSDT")


class Ingester:
    """`python -m whale_platform.ingest` on a home of its own, fed by the fake exchange."""

    def __init__(self, kafka: KafkaServer | ThreeBrokers, fake: FakeBinance, home: Path, **more: object) -> None:
        home.mkdir(exist_ok=True)
        self.home = home
        self.bootstrap = kafka.bootstrap
        self.settings = Settings.model_validate(
            {
                "home": home,
                "source": "live",
                "exchanges": ("binance",),
                "symbols": tuple(fake.last),
                "kafka_bootstrap": str(kafka.bootstrap),
                "binance_ws_url": fake.ws_url,
                "binance_rest_url": fake.rest_url,
                **more,
            }
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start; returns at once."""
        with (self.home / "ingester.log").open("ab") as log:
            command = [sys.executable, "-m", "whale_platform.ingest"]
            self.process = subprocess.Popen(command, stderr=log, env=environment(self.settings))

    def end(self, number: signal.Signals) -> int:
        """Send a signal; returns the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(300)

    def beat(self) -> Heartbeat:
        """The last beat of the present process."""
        found = heartbeat.read_heartbeat(self.home, "ingester")
        return found if found and self.process and found.pid == self.process.pid else Heartbeat("ingester")

    def wait_ready(self) -> None:
        """Wait for state ready."""
        until(lambda: self.beat().state == "ready", "the ingester to be ready")

    def log(self) -> str:
        """What it has logged."""
        return (self.home / "ingester.log").read_text()

    def published(self) -> dict[str, list[tuple[int, str]]]:
        """(trade id, source) per symbol, in topic order."""
        found: dict[str, list[tuple[int, str]]] = {}
        for value in self.messages(RAW_TRADES):
            row = json.loads(value)
            found.setdefault(row["symbol"], []).append((row["trade_id"], row["source"]))
        return found

    def gaps(self) -> dict[tuple[str, int], dict[str, object]]:
        """The ledger's last row per (symbol, first id)."""
        rows = [json.loads(value) for value in self.messages(INGEST_GAPS)]
        return {(row["symbol"], row["first_id"]): row for row in rows}

    def letters(self) -> list[dict[str, object]]:
        """The dead letters."""
        return [json.loads(value) for value in self.messages(DEAD_LETTERS)]

    def messages(self, topic: str) -> list[bytes]:
        """Every message's value."""
        reader = TopicReader(self.bootstrap, "test")
        try:
            return [
                record.value or b""
                for partition in reader.list_partitions(topic)
                for record in reader.scan(topic, partition, *reader.bounds(topic, partition))
            ]
        finally:
            reader.close()

    def wait_complete(self, fake: FakeBinance, first: int = 1000) -> None:
        """Wait until the topic holds every id from `first` on, then check that it does so exactly once."""

        def complete() -> bool:
            published = self.published()
            return all(len(published.get(symbol, ())) >= len(fake.ids(symbol, first)) for symbol in fake.last)

        try:
            until(complete, "every trade to be in the topic", timeout_s=200, pause_s=0.3)
        except AssertionError as late:
            counts = {symbol: len(rows) for symbol, rows in self.published().items()}
            raise AssertionError(
                f"{late}: {counts} of {fake.last}; {self.beat().numbers}\n{self.log()[-6000:]}"
            ) from None
        check_published(self.published(), {symbol: fake.ids(symbol, first) for symbol in fake.last})


def check_published(published: dict[str, list[tuple[int, str]]], wanted: dict[str, list[int]]) -> None:
    """Each id once; ascending but for background repairs."""
    for symbol, numbers in wanted.items():
        rows = published.get(symbol, [])
        assert sorted(number for number, _ in rows) == numbers, symbol
        top = 0
        for number, source in rows:
            assert number > top or source == "repair", f"{symbol} {number} came after {top}"
            top = max(top, number)


@pytest.fixture
def fake() -> Iterator[FakeBinance]:
    """A Binance with three symbols."""
    server = FakeBinance(*SYMBOLS)
    yield server
    server.close()


@pytest.fixture
def ingester(kafka: KafkaServer, fake: FakeBinance, tmp_path: Path) -> Iterator[Ingester]:
    """Not yet started."""
    service = Ingester(kafka, fake, tmp_path)
    yield service
    if service.process is not None and service.process.poll() is None:
        service.end(signal.SIGKILL)
