"""One turn of one peer: a backlog is drained, a steady rate is followed, and once the peer is killed meanwhile.

It is started twice: first on a few trades, which tells what a start takes, then on the backlog, as after an outage.
What a drain takes beyond a start is its rate, since some peers write the first row soon and others all at once.
Every turn has exchanges of its own, and a topic of its own where the peer can be told which to read. What its rows say
in the end is compared with the topic. Raises PlatformError where nothing moves any more.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psutil

from whale_platform.bench.harness.latency_summary import summarise_latencies
from whale_platform.bench.harness.platform import Platform, PlatformError, wait_for
from whale_platform.bench.harness.process_usage import read_cpu_seconds, read_memory_mb
from whale_platform.bench.peers import window_rows
from whale_platform.bench.peers.exactness import compare_windows, compute_windows
from whale_platform.bench.peers.peer import Peer, sum_cpu_seconds
from whale_platform.bench.peers.window_rows import RowWatch, WindowRows, list_row_latencies
from whale_platform.bench.peers.workload import SteadyFeed, produce_backlog
from whale_platform.broker.naming import add_prefix
from whale_platform.broker.reader import TopicReader
from whale_platform.broker.topics import create_raw_topic
from whale_platform.domain.names import RAW_TRADES
from whale_platform.kafka_cluster import KafkaCluster

SERVERS = ("kafka", "postgres")
STILL_S = 300.0  # without a change of the rows, while there is more to come
SETTLED_S = 3.0  # without a change, when all that was expected is there: trades that are counted twice come late
AFTER_KILL_S = 10.0  # for how long trades go on once a killed peer has caught up
FEW = 5  # trades of each symbol
LATE_S, MOST_WARM_S = 2.5, 60.0  # behind by less it keeps up; so long the measurement waits for that
LAST_ROWS_S = 30.0  # without a change: what has not come by then is lost


@dataclass(frozen=True, slots=True)
class TurnPlan:
    """How much of what. rate: trades/s; `warm` and `seconds` of it, the second measured."""

    trades: int
    symbols: int
    rate: float
    warm: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Servers:
    """What all peers share; the services of `platform` but for them are stopped."""

    platform: Platform
    kafka: KafkaCluster
    dsn: str


class PeerTurn:
    """A turn of `peer`, named by `number`."""

    def __init__(self, servers: Servers, plan: TurnPlan, peer: Peer, number: int) -> None:
        self._servers, self._plan, self._peer = servers, plan, peer
        self._few, self._backlog, self._steady = (
            f"{part}_{peer.name}_{number}" for part in ("few", "backlog", "steady")
        )
        self._topic = peer.own_topic or f"raw_trades_of_{peer.name}_{number}"
        self._reader = TopicReader(servers.kafka, "bench")

    def measure(self, kill: bool) -> dict[str, Any]:
        """{drain, steady, kill (null without one), exactness}; the peer runs from the drain to the last of them."""
        parts = self._reader.list_partitions(RAW_TRADES)
        if self._peer.own_topic is None:
            create_raw_topic(self._servers.kafka, self._topic, len(parts))
            window_rows.create_table(self._servers.dsn, self._peer.table)
        first = {part: self._reader.bounds(self._topic, part)[1] for part in parts}
        rows = WindowRows(self._servers.dsn, self._peer.table)
        with contextlib.closing(self._reader), contextlib.closing(rows):
            try:
                drain = self._measure_drain(rows)
                plan, kafka = self._plan, self._servers.kafka
                feed = SteadyFeed(kafka, self._topic, self._steady, plan.rate, plan.symbols)
                feed.start()
                try:
                    steady = self._measure_steady(rows, feed)
                    killed = self._measure_kill(rows, feed) if kill else None
                finally:
                    sent = feed.stop()
                exactness = self._check(rows, first, sent)
            finally:
                self._peer.stop()
        return {"drain": drain, "steady": steady, "kill": killed, "exactness": exactness}

    def _measure_drain(self, rows: WindowRows) -> dict[str, Any]:
        trades, few = self._plan.trades, FEW * self._plan.symbols
        start_s, start_cpu, _ = self._measure_start(rows, self._few, few)
        self._peer.stop()
        to_last_row_s, cpu, servers_cpu = self._measure_start(rows, self._backlog, trades)
        drain_s = to_last_row_s - start_s
        return {
            "start_s": round(start_s, 2),
            "to_last_row_s": round(to_last_row_s, 2),
            "trades_per_s": round(trades / drain_s) if drain_s > 0 else None,
            "trades_per_s_with_start": round(trades / to_last_row_s),
            "start_cpu_s": round(start_cpu, 2),
            "cpu_s_per_million": round((cpu - start_cpu) / trades * 1e6, 1),
            "servers_cpu_s_per_million": round(servers_cpu / trades * 1e6, 1),
        }

    def _measure_start(self, rows: WindowRows, exchange: str, trades: int) -> tuple[float, float, float]:
        """Start it on so many more trades; seconds until all are in the rows, its CPU seconds, those of the servers."""
        produce_backlog(self._servers.kafka, self._topic, exchange, trades, self._plan.symbols)
        begin, servers = time.monotonic(), self._read_servers_cpu()
        self._peer.start(add_prefix(self._topic))
        self._wait_for_rows(rows, exchange, trades)
        return time.monotonic() - begin, self._read_cpu(), self._read_servers_cpu() - servers

    def _measure_steady(self, rows: WindowRows, feed: SteadyFeed) -> dict[str, Any]:
        warm_s = self._wait_until_warm(rows, feed)
        watch = RowWatch(self._servers.dsn, self._peer.table, self._steady)
        watch.start()
        try:
            begin, cpu, servers = time.time(), self._read_cpu(), self._read_servers_cpu()
            time.sleep(self._plan.seconds)
            end = time.time()
            cpu, servers = self._read_cpu() - cpu, self._read_servers_cpu() - servers
            memory = sum(_read_memory(self._peer.processes()))
            self._wait_for_last_rows(rows, len(feed.times))
        finally:
            watch.stop()
        latencies = list_row_latencies(feed.times, watch.seen, self._plan.symbols, begin, end)
        sent = sum(begin <= one / 1e6 < end for one in feed.times)
        return {
            "warm_s": round(warm_s, 1),
            "to_row_ms": summarise_latencies(latencies),
            "sent": sent,
            "cpu_s_per_million": round(cpu / sent * 1e6, 1),
            "servers_cpu_s_per_million": round(servers / sent * 1e6, 1),
            "memory_mb": round(memory),
        }

    def _wait_until_warm(self, rows: WindowRows, feed: SteadyFeed) -> float:
        """Wait until it has kept up for the plan's `warm` seconds; how long that took, MOST_WARM_S at most."""
        begin = late = time.monotonic()
        while (now := time.monotonic()) - late < self._plan.warm and now - begin < MOST_WARM_S:
            time.sleep(0.2)
            self._peer.check_alive()
            behind = len(feed.times) - rows.count_trades(self._steady)
            if not self._peer.is_settled() or behind > LATE_S * self._plan.rate:
                late = time.monotonic()
        return time.monotonic() - begin

    def _wait_for_last_rows(self, rows: WindowRows, trades: int) -> None:
        with contextlib.suppress(PlatformError):  # they are missing in the count of latencies then
            self._wait_for_rows(rows, self._steady, trades, LAST_ROWS_S)
        self._peer.check_alive()

    def _measure_kill(self, rows: WindowRows, feed: SteadyFeed) -> dict[str, Any]:
        begin = time.monotonic()
        self._peer.kill()
        self._peer.start(add_prefix(self._topic))
        before = rows.count_trades(self._steady)
        self._wait_for_rows(rows, self._steady, before + 1)
        back = time.monotonic()
        self._wait_for_rows(rows, self._steady, len(feed.times))
        caught_up = time.monotonic()
        time.sleep(AFTER_KILL_S)
        return {"to_next_row_s": round(back - begin, 2), "caught_up_s": round(caught_up - begin, 2)}

    def _check(self, rows: WindowRows, first: dict[int, int], sent: int) -> dict[str, Any]:
        self._wait_for_last_rows(rows, sent)
        self._wait_until_settled(rows)
        exchanges = (self._few, self._backlog, self._steady)
        expected = compute_windows(self._read_messages(first), exchanges)
        found = {key: total for exchange in exchanges for key, total in rows.read_windows(exchange).items()}
        return compare_windows(expected, found)

    def _wait_for_rows(self, rows: WindowRows, exchange: str, trades: int, still_s: float = STILL_S) -> int:
        """Wait until so many trades are in the rows, as long as these change; how many there are."""
        counted = 0

        def count() -> int:
            nonlocal counted
            self._peer.check_alive()
            counted = rows.count_trades(exchange)
            return counted if counted >= trades else 0

        what = f"{trades:,} trades in the rows of {self._peer.name}"
        return int(wait_for(what, count, still_s, 0.02, moves=lambda: counted))

    def _wait_until_settled(self, rows: WindowRows) -> None:
        seen, since = -1, time.monotonic()
        while time.monotonic() - since < SETTLED_S:
            time.sleep(0.2)
            if (now := rows.count_trades(self._steady) + rows.count_trades(self._backlog)) != seen:
                seen, since = now, time.monotonic()

    def _read_messages(self, first: dict[int, int]) -> Iterator[bytes]:
        for part, offset in first.items():
            end = self._reader.bounds(self._topic, part)[1]
            yield from (record.value or b"" for record in self._reader.scan(self._topic, part, offset, end))

    def _read_cpu(self) -> float:
        return sum_cpu_seconds(self._peer.processes())

    def _read_servers_cpu(self) -> float:
        spent = read_cpu_seconds(self._servers.platform)
        return sum(spent.get(name, 0.0) for name in SERVERS)


def _read_memory(processes: list[psutil.Process]) -> Iterator[float]:
    for process in processes:
        with contextlib.suppress(OSError):
            yield read_memory_mb(process.pid)
