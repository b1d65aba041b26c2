"""Whether the stream's reported lag is right: `ready` and `lag` against the topics, each half second, from `up` on.

An understatement is a lag below every count of the topics in the last two seconds: the heartbeat may be a second old
and its measurement another. The calm begins when what came in during the start is processed. An overload, with whales
in it, is put straight into the raw topic, beside what the simulator sends, and counted afterwards.
"""

import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

from whale_platform.bench.harness.latency_summary import summarise_latencies
from whale_platform.bench.harness.platform import Platform, PlatformError, wait_for
from whale_platform.bench.harness.trade_flood import FLOOD_EXCHANGE, TradeFlood
from whale_platform.bench.streaming.latency import ArrivalWatch, first_seen
from whale_platform.broker.errors import BrokerError
from whale_platform.broker.reader import TopicReader
from whale_platform.broker.topic_offsets import TopicOffsets
from whale_platform.contracts.stream_position import peek_position
from whale_platform.domain.names import RAW_TRADES, TRADE_WINDOWS
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.supervision.runtime import heartbeat

EVERY_S = 0.5
LAG_TOLERANCE = 10  # trades between two questions of one look, and a transaction's marker at the end of each partition
CAUGHT_UP_S = 2.0


class LagSampler(threading.Thread):
    """Counts what is in the raw topic and not in `trade_windows`, beside what the heartbeat says, until `stop`."""

    def __init__(self, home: Path, bootstrap: KafkaCluster) -> None:
        super().__init__(name="truth", daemon=True)
        self._home, self._servers = home, bootstrap
        self._stopped = threading.Event()
        self._out: dict[int, int] = {}
        self._lied_since: float | None = None
        self.lies: list[dict[str, Any]] = []
        self.most_lag, self.samples, self.unknown, self.lag = 0, 0, 0, 0
        self.ready: float | None = None
        self.first_row: float | None = None
        self.modes: list[tuple[float, str]] = []
        self._recent: deque[tuple[float, int]] = deque()

    def stop(self) -> None:
        """End it and wait."""
        self._stopped.set()
        self.join()

    def run(self) -> None:
        """The thread: it waits for the topics, then looks again and again."""
        while not self._stopped.wait(EVERY_S):
            with suppress(BrokerError):
                self._watch()

    def _watch(self) -> None:
        reader = TopicReader(self._servers, "truth")
        try:
            parts = {topic: reader.list_partitions(topic) for topic in (RAW_TRADES, TRADE_WINDOWS)}
            edges = TopicOffsets(self._servers, parts)
            reader.assign({(TRADE_WINDOWS, part): 0 for part in parts[TRADE_WINDOWS]})
            due = time.time()
            while not self._stopped.is_set():
                for record in reader.poll(5_000, 0.05):
                    if found := peek_position(record.value or b""):
                        part, offset, _ = found
                        self._out[part] = max(self._out.get(part, 0), offset + 1)
                        self.first_row = self.first_row or time.time()
                if time.time() >= due:
                    due = time.time() + EVERY_S
                    self._take_sample({part: end for part, (_, end) in edges.read()[RAW_TRADES].items()})
        finally:
            reader.close()

    def _take_sample(self, ends: dict[int, int]) -> None:
        now, said = time.time(), heartbeat.read_heartbeat(self._home, "stream")
        true = sum(max(0, end - self._out.get(part, 0)) for part, end in ends.items())
        self.lag, self.most_lag, self.samples = true, max(self.most_lag, true), self.samples + 1
        self._recent.append((now, true))
        while now - self._recent[0][0] > 2.0:
            self._recent.popleft()
        if said is None:
            return
        if said.state in ("ready", "degraded"):
            self.ready = self.ready or now
        mode = str(said.numbers.get("windows_mode"))
        if not self.modes or self.modes[-1][1] != mode:
            self.modes.append((now, mode))
        lag = said.numbers.get("lag")
        if lag is None:
            self.unknown += 1
        elif lag < min(count for _, count in self._recent) - LAG_TOLERANCE:
            if self._lied_since is None:
                self._lied_since = now
                self.lies.append({"at": now, "said": lag, "true": true, "state": said.state})
            self.lies[-1] |= {"seconds": round(now - self._lied_since, 1), "beat_age": round(now - said.at, 1)}
            return
        self._lied_since = None


def measure_reported_lag(
    platform: Platform, rate: float, calm_s: float, overload: float, overload_s: float
) -> dict[str, Any]:
    """`up` at `rate`, `calm_s` of it, `overload` more trades/s for `overload_s`; figures, and whether all is exact."""
    bootstrap = KafkaCluster(f"127.0.0.1:{platform.env['WHALE_KAFKA_PORT']}")
    sampler, begun = LagSampler(platform.base / "simulator", bootstrap), time.time()
    sampler.start()
    platform.start("--source", "simulator", "--rate", str(rate))
    took = time.time() - begun
    now = platform.status()
    password = Path(now["home"], "postgres.password").read_text().strip()
    watch = ArrivalWatch(bootstrap, now["urls"]["postgres"].replace("whale@", f"whale:{password}@"))
    wait_for("what came in during the start", lambda: sampler.lag < rate * CAUGHT_UP_S, moves=lambda: sampler.lag)
    start, sampler.most_lag = sampler.most_lag, 0
    calmed = time.time()
    time.sleep(calm_s)
    calm, sampler.most_lag = sampler.most_lag, 0
    flood = time.time()
    trades = TradeFlood(bootstrap, overload)
    trades.start()
    time.sleep(overload_s)
    sent = trades.stop()
    ended = time.time()
    counts = f"select coalesce(sum(trade_count), 0) from trade_windows where exchange = '{FLOOD_EXCHANGE}'"
    wait_for("every trade of the overload", lambda: int(platform.sql(counts)[0][0]) >= sent, 600, every=1)
    drained = time.time()
    watch.stop()
    sampler.stop()
    if not sampler.modes:
        raise PlatformError("no heartbeat of the stream was read, so nothing it says was judged")
    seen = [(one.sent, one.seen - one.sent) for one in first_seen(watch.whales)]
    return {
        "up_s": round(took, 1),
        "ready_s": round((sampler.ready or begun) - begun, 1),
        "first_window_s": round((sampler.first_row or begun) - begun, 1),
        "samples": sampler.samples,
        "unknown": sampler.unknown,
        "longest_lie_s": max((one["seconds"] for one in sampler.lies), default=0.0),
        "lies": [{**one, "at": round(one["at"] - begun, 1)} for one in sampler.lies],
        "caught_up_s": round(calmed - begun, 1),
        "most_lag": {"start": start, "calm": calm, "overload": sampler.most_lag},
        "modes": [(round(at - begun, 1), mode) for at, mode in sampler.modes],
        "whales_calm_ms": summarise_latencies([late for at, late in seen if calmed <= at < flood]),
        "whales_overload_ms": summarise_latencies([late for at, late in seen if flood <= at < ended]),
        "overload_sent": sent,
        "overload_rate": round(sent / (ended - flood)) if sent else 0,
        "drained_after_s": round(drained - ended, 1),
        "exact": int(platform.sql(counts)[0][0]) == sent,
        "late_dropped": platform.status()["services"]["stream"].get("late_dropped"),
    }
