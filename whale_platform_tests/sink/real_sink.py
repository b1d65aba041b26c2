"""A real broker, a real Postgres and the sink as the process it is, with the hands to kill each of them."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from whale_platform.broker.producer import TradeProducer
from whale_platform.broker.reader import TopicReader
from whale_platform.domain.names import DEAD_LETTERS, INGEST_GAPS, STREAM_LOSSES, TRADE_WINDOWS, WHALE_ALERTS
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.sink.fold import SINK_TOPICS
from whale_platform.supervision.runtime import heartbeat as beats
from whale_platform_tests.sink.messages import START_US, growing, message
from whale_platform_tests.support.postgres_server import query

PATIENCE_S = 300.0
Said = tuple[str, bytes, bytes]


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for `condition`; waiting in vain fails with `what`."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.02)


class Stage:
    """The sink between `bootstrap` and `dsn`, its home and log under `home`."""

    def __init__(self, bootstrap: KafkaCluster, dsn: str, home: Path) -> None:
        self.bootstrap = bootstrap
        self.dsn = dsn
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> int:
        """Start the sink; returns its pid."""
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "WHALE_HOME": str(self._home),
            "WHALE_POSTGRES_DSN": self.dsn,
            "WHALE_KAFKA_BOOTSTRAP": str(self.bootstrap),
        }
        with (self._home / "sink.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "whale_platform.sink"], env=environment, stdout=log, stderr=log
            )
        return self._process.pid

    def end(self, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(PATIENCE_S)

    def alive(self) -> bool:
        """Whether the sink's process runs."""
        return self._process is not None and self._process.poll() is None

    def beat(self) -> beats.Heartbeat:
        """The sink's last beat."""
        found = beats.read_heartbeat(self._home, "sink")
        return found or beats.Heartbeat("sink", pid=0)

    def log(self) -> str:
        """What the sink has logged."""
        return (self._home / "sink.log").read_text()

    def stored(self) -> int:
        """Messages stored, of all partitions."""
        rows = query(self.dsn, "SELECT coalesce(sum(next_offset), 0)::bigint FROM sink_offsets")
        return int(str(rows[0][0]))

    def drained(self) -> None:
        """Wait until the stored offsets are the topics' ends, each for itself."""
        reader = TopicReader(self.bootstrap, "test")
        ends = {
            (topic, part): reader.bounds(topic, part)[1]
            for topic in SINK_TOPICS
            for part in reader.list_partitions(topic)
        }
        reader.close()

        def there() -> bool:
            rows = query(self.dsn, "SELECT topic, partition, next_offset FROM sink_offsets")
            return {(topic, part): place for topic, part, place in rows} == ends

        until(there, f"offsets at {ends}")

    def produce(self, said: list[Said]) -> None:
        """Send messages and wait until the broker has them."""
        producer = TradeProducer(self.bootstrap, "test")
        for topic, key, value in said:
            producer.send(topic, key, value)
        assert producer.close(PATIENCE_S) == 0


class Story:
    """Reproducible messages of every kind, and what Postgres must show after all of them, computed on the way."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._sizes: Counter[tuple[str, int]] = Counter()
        self._whales: set[int] = set()
        self._lost: set[int] = set()
        self._gaps: dict[int, str] = {}
        self._letters: Counter[str] = Counter()
        self._bad = 0
        self.rejects: Counter[str] = Counter()

    def tell(self, count: int) -> list[Said]:
        """The next `count` messages."""
        return [self._next() for _ in range(count)]

    def _next(self) -> Said:
        chance = self._random.random()
        number = self._random.randrange(1, 2_000)
        if chance < 0.85:
            symbol, minute = f"S{number % 20}", number % 3 * 1440
            if self._sizes[symbol, minute] and self._random.random() < 0.1:
                count = self._random.randint(1, self._sizes[symbol, minute])  # the stream repeats itself after a crash
            else:
                self._sizes[symbol, minute] += 1
                count = self._sizes[symbol, minute]
            return TRADE_WINDOWS, symbol.encode(), growing(symbol, count, minute)
        if chance < 0.93:
            self._whales.add(number)
            return WHALE_ALERTS, b"w", message(WHALE_ALERTS, trade_id=number)
        if chance < 0.96:
            self._gaps[number] = state = self._random.choice(["open", "repaired", "unrepaired"])
            return INGEST_GAPS, b"g", message(INGEST_GAPS, first_id=number, last_id=number + 5, state=state)
        if chance < 0.97:
            self._lost.add(number)
            return STREAM_LOSSES, b"l", message(STREAM_LOSSES, first_offset=number, found_at=START_US + number)
        if chance < 0.99:
            kind = self._random.choice(["unparseable", "quarantined"])
            self._letters[kind] += 1
            return DEAD_LETTERS, b"d", message(DEAD_LETTERS, kind=kind, received_time=START_US + number)
        self._bad += 1
        value, reason = self._random.choice(
            [
                (b"{", "not JSON"),
                (message(TRADE_WINDOWS, close="NaN"), "close is not a decimal string"),
                (
                    message(TRADE_WINDOWS, symbol=f"BAD{self._bad}", high="1"),
                    "refused by Postgres: trade_windows_high_is_highest",
                ),
            ]
        )
        self.rejects[reason] += 1
        return TRADE_WINDOWS, str(number).encode(), value

    def check(self, dsn: str) -> None:
        """Every table equals the story."""
        windows = query(
            dsn,
            "SELECT symbol, (extract(epoch FROM window_start) * 1000000)::bigint, trade_count, price_sum, volume, "
            "average_price FROM trade_windows",
        )
        told = {(symbol, START_US + minute * 60_000_000): count for (symbol, minute), count in self._sizes.items()}
        assert {(symbol, start): count for symbol, start, count, *_ in windows} == told
        assert all((total, volume, average) == (2 * count, count, 2) for _, _, count, total, volume, average in windows)
        assert {row[0] for row in query(dsn, "SELECT trade_id FROM whale_alerts")} == self._whales
        assert dict(query(dsn, "SELECT first_id, state FROM ingest_gaps")) == self._gaps
        assert {row[0] for row in query(dsn, "SELECT first_offset FROM stream_losses")} == self._lost
        assert dict(query(dsn, "SELECT kind, letters FROM dead_letter_counts")) == self._letters


def rejects(dsn: str) -> dict[str, int]:
    """Rejected messages by reason."""
    rows = query(dsn, "SELECT reason, sum(messages)::bigint FROM sink_rejects GROUP BY reason")
    return {str(reason): int(str(count)) for reason, count in rows}


def chunks(said: list[Said], size: int) -> Iterator[list[Said]]:
    """`said` in pieces."""
    for start in range(0, len(said), size):
        yield said[start : start + size]
