"""Keeps absurd trades out: `domain.limits` with the exchange's clock in place of ours.

A trade "from the future" may only show that our clock is slow, or was set back. So the exchange's clock is taken as
the later of ours and of the monotonic clock plus the median of (event time - monotonic time) over the last trades:
one mad trade does not move a median, and a step of our clock does not move the monotonic one. Until `ENOUGH` samples
are there the future begins `WIDE_US` later.
"""

from statistics import median_low

from whale_platform.domain.limits import FUTURE_US, absurdity
from whale_platform.domain.trade import Trade

SAMPLES = 100
ENOUGH = 20
WIDE_US = 300_000_000


class Guard:
    """One exchange's clock and judgement. Not thread-safe."""

    def __init__(self) -> None:
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
        if self._offset is None:
            return wall_us + WIDE_US - FUTURE_US
        return max(wall_us, monotonic_us + self._offset)
