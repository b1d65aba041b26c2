"""Keeps absurd trades out: `domain.limits` with the exchange's clock in place of ours.

A trade "from the future" may only show that our clock is slow, or was set back. So the exchange's clock is taken as
the later of ours and of the monotonic clock plus the median of (event time - monotonic time) over the last trades:
one mad trade does not move a median, and a step of our clock does not move the monotonic one. But a feed that goes
wrong altogether must not take that clock along, as the stream has one watermark for all exchanges: it is believed
`WIDE_US` at most beyond ours, corrected by `lead_us`, what all exchanges' clocks together show ours to be behind.
"""

from collections.abc import Callable
from statistics import median_low

from whale_platform.domain.limits import FUTURE_US, absurdity
from whale_platform.domain.trade import Trade

SAMPLES = 100
ENOUGH = 20
WIDE_US = 300_000_000


class Guard:
    """One exchange's clock and judgement. Not thread-safe."""

    def __init__(self, lead_us: Callable[[], int] = lambda: 0) -> None:
        self._lead_us = lead_us
        self._ours: int | None = None
        self._samples: list[int] = []
        self._count = 0
        self._offset: int | None = None

    def live(self, trade: Trade, monotonic_us: int) -> str | None:
        """Why a trade just received is absurd, or None; learns the exchange's clock from it."""
        reason = absurdity(trade, self._now(trade.received_time, monotonic_us))
        sample = trade.event_time - monotonic_us
        if len(self._samples) < SAMPLES:
            self._samples.append(sample)
        else:
            self._samples[self._count % SAMPLES] = sample
        self._count += 1
        if self._count % ENOUGH == 0:
            self._offset = median_low(self._samples)
        return reason

    def old(self, trade: Trade, monotonic_us: int) -> str | None:
        """The same for a trade from history, which tells nothing about the clock."""
        return absurdity(trade, self._now(trade.received_time, monotonic_us))

    def _now(self, wall_us: int, monotonic_us: int) -> int:
        # 1. Our clock, as it was before a step back.
        ahead = wall_us - monotonic_us
        self._ours = ahead if self._ours is None else max(self._ours, ahead)
        ours = monotonic_us + self._ours
        # 2. How far a feed may be beyond it; before there are samples, all of that.
        latest = ours + self._lead_us() + WIDE_US
        return latest - FUTURE_US if self._offset is None else max(ours, min(monotonic_us + self._offset, latest))
