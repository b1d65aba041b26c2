"""Keeps implausible trades out: `domain.plausibility` with the exchange's clock in place of ours.

A trade "from the future" may only show that our clock is slow, or was set back. So the exchange's clock is taken as
the later of ours and of the monotonic clock plus the median of (event time - monotonic time) over the last trades:
one mad trade does not move a median, and a step of our clock does not move the monotonic one. But a feed that goes
wrong altogether must not take that clock along, as the stream has one watermark for all exchanges: it is believed
`WIDE_US` at most beyond ours, corrected by `lead`, what all exchanges' clocks together show ours to be behind.

Until that is measured nobody knows whose clock is wrong, and a trade from the future is held. The first trades of
several symbols that agree about the time are as good as a measurement; those of a feed that was believed before and
goes wrong later are not.
"""

from collections.abc import Callable
from statistics import median_low
from typing import NamedTuple

from whale_platform.domain.plausibility import FUTURE_US, explain_implausible
from whale_platform.domain.trade import Trade
from whale_platform.ingest.transport.exchange_clock import NO_LEAD, ClockLead

SAMPLES = 100
ENOUGH = 20
WIDE_US = 300_000_000
AGREEING, AGREE_US = 3, 10_000_000  # symbols whose newest trades lie so close together in time
MOST_HELD = 20_000  # trades; of what comes later the repairer fetches what is missing


class Implausibility(NamedTuple):
    """`reason`: for a person; `future`: whether nothing but the trade's time is wrong."""

    reason: str
    future: bool


class PlausibilityFilter:
    """One exchange's clock and judgement. `overflown`: trades that could not be held. Not thread-safe."""

    def __init__(self, lead: Callable[[], ClockLead | None] = lambda: NO_LEAD) -> None:
        self.held: list[tuple[Trade, bool]] = []
        self.overflown = 0
        self._lead = lead
        self._measured: ClockLead | None = None
        self._ours: int | None = None
        self._samples: list[int] = []
        self._count = self._believed = 0
        self._offset: int | None = None
        self._by_symbol: dict[str, int] = {}
        self._agreed: int | None = None

    @property
    def is_clock_known(self) -> bool:
        """Whether it was known how far our clock is from the exchange's when a trade was judged last."""
        return self._agreed is not None or self._measured is not None

    def check_live(self, trade: Trade, monotonic_us: int) -> Implausibility | None:
        """Why a trade just received is absurd, or None; learns the exchange's clock from it."""
        reason = explain_implausible(trade, self._estimate_exchange_time(trade.received_time, monotonic_us))
        sample = trade.event_time - monotonic_us
        if len(self._samples) < SAMPLES:
            self._samples.append(sample)
        else:
            self._samples[self._count % SAMPLES] = sample
        self._count += 1
        if self._count % ENOUGH == 0:
            self._offset = median_low(self._samples)
        if reason is None:
            self._believed += 1
            return None
        absurd = _build_implausibility(trade, reason)
        if (
            absurd.future
            and self._believed < ENOUGH
            and not self.is_clock_known
            and self._check_agreement(trade.symbol, sample)
        ):
            return self.check_historical(trade, monotonic_us)
        return absurd

    def check_historical(self, trade: Trade, monotonic_us: int) -> Implausibility | None:
        """The same for a trade from history, which tells nothing about the clock."""
        reason = explain_implausible(trade, self._estimate_exchange_time(trade.received_time, monotonic_us))
        return None if reason is None else _build_implausibility(trade, reason)

    def hold(self, trade: Trade, last: bool) -> None:
        """Keep a trade from the future until the clock is known; the earliest are kept where there are too many."""
        if len(self.held) < MOST_HELD:
            self.held.append((trade, last))
        else:
            self.overflown += 1

    def release(self) -> list[tuple[Trade, bool]]:
        """What is held, once the clock is known: it is held no longer."""
        if not self.held or (self._agreed is None and self._lead() is None):
            return []
        held, self.held = self.held, []
        return held

    def _check_agreement(self, symbol: str, sample: int) -> bool:
        """Whether the newest trades of several symbols, and of most, show the same time."""
        self._by_symbol[symbol] = sample
        middle = median_low(self._by_symbol.values())
        near = sum(abs(one - middle) <= AGREE_US for one in self._by_symbol.values())
        if near >= AGREEING and near * 2 > len(self._by_symbol):
            self._agreed = middle
        return self._agreed is not None

    def _estimate_exchange_time(self, wall_us: int, monotonic_us: int) -> int:
        # 1. Our clock, as it was before a step back since it was last measured.
        ahead, lead = wall_us - monotonic_us, self._lead()
        if self._ours is None or ahead > self._ours or lead is not self._measured:
            self._ours, self._measured = ahead, lead
        ours = monotonic_us + self._ours
        # 2. How far a feed may be beyond it; before there are samples, all of that.
        latest = ours + WIDE_US if lead is None else ours + lead.us + WIDE_US
        if lead is None and self._agreed is not None:
            latest = max(latest, monotonic_us + self._agreed + WIDE_US)
        return latest - FUTURE_US if self._offset is None else max(ours, min(monotonic_us + self._offset, latest))


def _build_implausibility(trade: Trade, reason: str) -> Implausibility:
    return Implausibility(reason, explain_implausible(trade, trade.event_time) is None)
