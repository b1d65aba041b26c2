"""Latency of every trade: from its frame leaving the simulator to the topics, and to the row visible in Postgres.

The simulator stamps a trade's event time when it sends the frame, and everything runs on one clock. Each trade yields
one update of its window, so the window topic gives (trade, sent, seen) for all of them. A row is visible once a
query made after the sink's NOTIFY shows it; a trade counts as visible with the first row that includes it.
"""

import threading
import time
from bisect import bisect_left
from collections import defaultdict
from pathlib import Path
from typing import Any

from whale_platform.bench.harness.latency_summary import summarise_latencies
from whale_platform.broker.reader import TopicReader
from whale_platform.domain.names import TRADE_WINDOWS, WHALE_ALERTS
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.stores.stream_tables.change_listener import ChangeListener
from whale_platform.supervision.runtime import heartbeat


class ArrivalWatch:
    """Two threads that note when each trade is seen in the topics and in Postgres."""

    def __init__(self, bootstrap: KafkaCluster, dsn: str) -> None:
        self.windows: dict[str, list[tuple[int, int, float]]] = defaultdict(list)
        self.whales: list[tuple[int, float]] = []
        self.rows: dict[str, list[tuple[int, float]]] = defaultdict(list)
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._read_topics, args=(bootstrap,), name="topics"),
            threading.Thread(target=self._read_rows, args=(dsn,), name="rows"),
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End both threads."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _read_topics(self, bootstrap: KafkaCluster) -> None:
        reader = TopicReader(bootstrap, "bench")
        places = {
            (topic, part): reader.bounds(topic, part)[1]
            for topic in (TRADE_WINDOWS, WHALE_ALERTS)
            for part in reader.list_partitions(topic)
        }
        reader.assign(places)
        while not self._stop.is_set():
            for record in reader.poll(2_000, 0.1):
                seen, value = time.time(), record.value or b""
                if record.topic == TRADE_WINDOWS:
                    entry = (
                        _parse_number(value, b'"last_trade_id":'),
                        _parse_number(value, b'"last_event_time":'),
                        seen,
                    )
                    self.windows[(record.key or b"").decode()].append(entry)
                else:
                    self.whales.append((_parse_number(value, b'"event_time":'), seen))
        reader.close()

    def _read_rows(self, dsn: str) -> None:
        listener = ChangeListener(dsn, "whale-bench")
        while not self._stop.is_set():
            if listener.wait_for_notices(0.2):
                newest = listener.read_newest_trade_ids()
                seen = time.time()
                for (exchange, symbol), trade_id in newest.items():
                    self.rows[f"{exchange}:{symbol}"].append((trade_id, seen))
        listener.close()


def measure_latency(
    home: Path, bootstrap: KafkaCluster, dsn: str, rate: float, seconds: float, warm: float
) -> dict[str, Any]:
    """Run at `rate` trades/s for `warm` + `seconds`; latencies of the trades sent after the warm-up.

    The services' beats are read as files: a `whale status` each second would take an eighth of the machine.
    """
    watch = ArrivalWatch(bootstrap, dsn)
    begin = time.time() + warm
    boundaries: list[float] = []
    batch = _read_number(home, "stream", "windows_batch")
    sent_before = None
    while time.time() < begin + seconds:
        time.sleep(0.5)
        if sent_before is None and time.time() >= begin:
            sent_before = _read_number(home, "simulator", "trades_sent")
        now = _read_number(home, "stream", "windows_batch")
        if now != batch:
            batch = now
            boundaries.append(time.time())
    sent = (_read_number(home, "simulator", "trades_sent") - (sent_before or 0)) / seconds
    time.sleep(3.0)
    watch.stop()
    return summarise_arrivals(watch, begin, boundaries) | {
        "rate_asked": rate,
        "rate_sent": round(sent, 1),
        "seconds": seconds,
    }


def _read_number(home: Path, service: str, number: str) -> int:
    said = heartbeat.read_heartbeat(home, service)
    value = said.numbers.get(number) if said is not None else None
    return -1 if value is None else int(value)


def summarise_arrivals(watch: ArrivalWatch, begin: float, boundaries: list[float]) -> dict[str, Any]:
    """Percentiles in ms. `boundaries`: epoch seconds at which a checkpoint was seen to have ended."""
    trades = [(key, *entry) for key, entries in watch.windows.items() for entry in entries if entry[1] / 1e6 >= begin]
    visible = []
    for key, trade_id, sent, _ in trades:
        rows = watch.rows[key]
        place = bisect_left(rows, (trade_id, 0.0))
        if place < len(rows):
            visible.append(rows[place][1] - sent / 1e6)
    pauses = []
    for boundary in boundaries:
        near = [
            seen - sent / 1e6
            for entries in watch.windows.values()
            for _, sent, seen in entries
            if boundary - 4 <= seen <= boundary + 1
        ]
        if near:
            pauses.append(round(max(near) * 1000))
    return {
        "to_trade_windows_ms": summarise_latencies([seen - sent / 1e6 for _, _, sent, seen in trades]),
        "to_whale_alerts_ms": summarise_latencies(
            [seen - sent / 1e6 for sent, seen in watch.whales if sent / 1e6 >= begin]
        ),
        "to_postgres_ms": summarise_latencies(visible),
        "checkpoint_pauses_ms": pauses,
    }


def _parse_number(value: bytes, name: bytes) -> int:
    start = value.index(name) + len(name)
    end = start
    while value[end : end + 1].isdigit():
        end += 1
    return int(value[start:end])
