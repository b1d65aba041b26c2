"""Counters and latency percentiles for the heartbeat, cheap enough for every trade.

Latencies are sampled: every n-th trade, n chosen once a second so that about `KEPT_SAMPLES` of them span `SPAN_S`; each
sample then stands for n trades where the percentiles of several exchanges are computed together. Exchange to receive
compares two machines' clocks and may be negative.
"""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

SPAN_S = 10.0
KEPT_SAMPLES = 2_000


class LatencySamples:
    """Samples in milliseconds over the last `SPAN_S` seconds."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float, int]] = deque(maxlen=KEPT_SAMPLES)
        self._every = 1
        self._count = 0

    def is_due(self) -> bool:
        """Whether the present trade is one to sample."""
        self._count += 1
        if self._count < self._every:
            return False
        self._count = 0
        return True

    def add(self, milliseconds: float) -> None:
        """Add one sample with the present time."""
        self._samples.append((time.monotonic(), milliseconds, self._every))

    def tune(self, per_second: float) -> None:
        """Adapt the sampling to the rate of trades."""
        self._every = max(1, int(per_second * SPAN_S / KEPT_SAMPLES))

    def recent(self) -> list[tuple[float, int]]:
        """The samples, each with the number of trades it stands for."""
        since = time.monotonic() - SPAN_S
        return [(value, weight) for at, value, weight in list(self._samples) if at >= since]


def compute_percentiles(*latencies: LatencySamples) -> tuple[float, float] | None:
    """(p50, p99) of all trades of these, or None without a sample."""
    samples = sorted(sample for latency in latencies for sample in latency.recent())
    if not samples:
        return None
    trades = sum(weight for _, weight in samples)
    return _find_percentile(samples, trades * 0.5), _find_percentile(samples, trades * 0.99)


def _find_percentile(samples: Sequence[tuple[float, int]], trades: float) -> float:
    """The value up to which there are more than `trades`; `samples` ascend."""
    passed = 0
    for value, weight in samples:
        passed += weight
        if passed > trades:
            return value
    return samples[-1][0]


@dataclass(slots=True)
class PipelineCounts:
    """What one exchange's pipeline has done since the start; written under that pipeline's lock."""

    trades: int = 0
    dead_letters: int = 0
    quarantined: int = 0
    future: int = 0
    gaps_repaired: int = 0


@dataclass(slots=True)
class EventRate:
    """Events per second over about the last five readings."""

    _readings: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=6))

    def read(self, count: int) -> float:
        """`count`: the running total, read about once a second."""
        self._readings.append((time.monotonic(), count))
        (then, before), (now, after) = self._readings[0], self._readings[-1]
        return (after - before) / (now - then) if now > then else 0.0
