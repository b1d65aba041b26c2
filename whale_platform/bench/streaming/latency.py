"""Latency of every trade: from its frame leaving the simulator to the topics, and to the row visible in Postgres.

The simulator stamps a trade's event time when it sends the frame, and everything runs on one clock. The raw topic gives
(trade, sent) of all of them. A trade counts as seen with the first message or row that includes it: windows are written
once a second, or in real time once a trade. A row is visible once a query made after the sink's NOTIFY shows it.

Whales are told apart by kind. The first message of a sweep is that of the fill by which it reaches the threshold; all
fills of an order have the time at which the simulator begins to write their frames, so a sweep's latency has in it what
the simulator takes to write the fills before. From receipt it begins when the ingester has that fill's frame.
"""

import threading
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from whale_platform.bench.harness.latency_summary import summarise_latencies
from whale_platform.broker.reader import TopicReader
from whale_platform.contracts.whale_alert import WhaleRow, decode_whale
from whale_platform.domain.names import RAW_TRADES, TRADE_WINDOWS, WHALE_ALERTS
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.stores.stream_tables.change_listener import ChangeListener
from whale_platform.supervision.runtime import heartbeat


class WhaleArrival(NamedTuple):
    """A message of a whale and when it was seen, epoch seconds."""

    whale: WhaleRow
    seen: float

    @property
    def sent(self) -> float:
        """When the simulator sent the trade, epoch seconds."""
        return self.whale.event_time.timestamp()


class ArrivalWatch:
    """Two threads that note when each trade is seen in the topics and in Postgres."""

    def __init__(self, bootstrap: KafkaCluster, dsn: str) -> None:
        self.trades: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self.windows: dict[str, list[tuple[int, float]]] = defaultdict(list)
        self.whales: list[WhaleArrival] = []
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
            for topic in (RAW_TRADES, TRADE_WINDOWS, WHALE_ALERTS)
            for part in reader.list_partitions(topic)
        }
        reader.assign(places)
        while not self._stop.is_set():
            for record in reader.poll(2_000, 0.1):
                seen, value = time.time(), record.value or b""
                key = (record.key or b"").decode()
                if record.topic == RAW_TRADES:
                    sent = _parse_number(value, b'"event_time":')
                    self.trades[key].append((_parse_number(value, b'"trade_id":'), sent))
                elif record.topic == TRADE_WINDOWS:
                    self.windows[key].append((_parse_number(value, b'"last_trade_id":'), seen))
                else:
                    self.whales.append(WhaleArrival(decode_whale(value, record.timestamp_ms), seen))
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
    batch = _read_number(home, "stream", "whales_batch")
    sent_before = None
    while time.time() < begin + seconds:
        time.sleep(0.5)
        if sent_before is None and time.time() >= begin:
            sent_before = _read_number(home, "simulator", "trades_sent")
        now = _read_number(home, "stream", "whales_batch")
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
    """Percentiles in ms. `boundaries`: epoch seconds at which a checkpoint of the whales' query was seen to be over."""
    whales = first_seen(watch.whales)
    measured = [one for one in whales if one.sent >= begin]
    return {
        "to_trade_windows_ms": summarise_latencies(_list_latencies(watch.trades, watch.windows, begin)),
        "to_whale_alerts_ms": summarise_latencies([one.seen - one.sent for one in measured]),
        "to_whale_alerts_by_kind_ms": summarise_kinds((one.whale.kind, one.seen - one.sent) for one in measured),
        "from_receipt_by_kind_ms": summarise_kinds(
            (one.whale.kind, one.seen - one.whale.received_time.timestamp()) for one in measured
        ),
        "to_postgres_ms": summarise_latencies(_list_latencies(watch.trades, watch.rows, begin)),
        "whales_at_checkpoints_ms": [
            round(1000 * max((one.seen - one.sent for one in whales if near - 4 <= one.seen <= near + 1), default=0))
            for near in boundaries
        ],
    }


def first_seen(arrivals: Iterable[WhaleArrival]) -> list[WhaleArrival]:
    """Each whale once, as it was seen first: a sweep comes with each later fill, any may come twice at a checkpoint."""
    found: dict[tuple[str, str, str, int], WhaleArrival] = {}
    for arrival in arrivals:
        found.setdefault(arrival.whale.key, arrival)
    return list(found.values())


def summarise_kinds(latencies: Iterable[tuple[str, float]]) -> dict[str, dict[str, float]]:
    """Percentiles in ms by kind of whale, of (kind, seconds)."""
    by_kind: dict[str, list[float]] = defaultdict(list)
    for kind, seconds in latencies:
        by_kind[kind].append(seconds)
    return {kind: summarise_latencies(found) for kind, found in sorted(by_kind.items())}


def _list_latencies(
    trades: Mapping[str, list[tuple[int, int]]], arrivals: Mapping[str, list[tuple[int, float]]], begin: float
) -> list[float]:
    """Seconds from each trade's frame to the first arrival (newest trade id, seen) that includes it."""
    found = []
    for key, sent_trades in trades.items():
        seen_at = sorted(arrivals.get(key, ()))
        for trade_id, sent in sent_trades:
            place = bisect_left(seen_at, (trade_id, 0.0))
            if sent / 1e6 >= begin and place < len(seen_at):
                found.append(seen_at[place][1] - sent / 1e6)
    return found


def _parse_number(value: bytes, name: bytes) -> int:
    start = value.index(name) + len(name)
    end = start
    while value[end : end + 1].isdigit():
        end += 1
    return int(value[start:end])
