"""When the windows' query runs in real time and when in micro-batches, by what it is behind.

Real-time mode answers in milliseconds and costs most a trade; micro-batches carry several times as many trades with the
same processors. Both go on from one checkpoint, so a switch costs a start, never a trade. A machine that can't hold
real time tries again later and later. Pure: a policy sees observations with their times and says which mode is due.
"""

from dataclasses import dataclass, field
from typing import Literal

Mode = Literal["realtime", "microbatch"]

BACKLOG = 20_000  # trades: what one real-time batch takes on any machine, before the watermark moves
CAUGHT_UP_S = 3.0  # less behind is as good as nothing, with micro-batches of a second
BEHIND_S = 10.0  # a pause at a checkpoint is shorter
LONG_S = 20.0
FAR_S = 120.0  # with a backlog, from here on at once: at the next checkpoint the watermark would move past it
SETTLED_S = 5.0
START_S = 300.0  # a query that begins on a starved machine may take as long to put out its first window
ROOM = 0.6  # the share of its time that a micro-batch may take where real time shall be tried
PROVEN_S = 600.0
FIRST_HOLD_OFF_S, MOST_HOLD_OFF_S = 60.0, 3_600.0


@dataclass(frozen=True, slots=True)
class ModeSample:
    """One look: monotonic seconds, what windows are behind, the share of time micro-batches took; None: unknown.

    `out`: how many trades windows have put out in all.
    """

    now: float
    trades: int | None
    seconds: float | None
    busy: float | None = None
    out: int | None = None


def choose_start_mode(trades: int | None) -> Mode:
    """How to begin with so many trades not out yet."""
    return "microbatch" if trades is not None and trades > BACKLOG else "realtime"


@dataclass(slots=True)
class ModePolicy:
    """Call `update` about once a second while the query runs in `mode`; tell it of a switch by `confirm_switch`."""

    mode: Mode
    since: float
    hold_off_s: float = FIRST_HOLD_OFF_S
    retry_at: float = 0.0
    _behind: tuple[float, int] | None = field(default=None)  # since when, and how many trades it was then
    _calm_since: float | None = field(default=None)
    _first_out: int | None = field(default=None)

    def confirm_switch(self, mode: Mode, now: float) -> None:
        """Confirm that the query has restarted in `mode`."""
        self.mode, self.since = mode, now
        self._behind = self._calm_since = self._first_out = None

    def update(self, seen: ModeSample) -> Mode:
        """The mode it should be in now."""
        # 1. Nothing is known: nothing changes.
        if seen.trades is None or seen.seconds is None:
            return self.mode
        if self._first_out is None:
            self._first_out = seen.out
        return self._decide_in_realtime(seen) if self.mode == "realtime" else self._decide_in_microbatch(seen)

    def _decide_in_realtime(self, seen: ModeSample) -> Mode:
        assert seen.trades is not None and seen.seconds is not None
        # 2. It keeps up: a try that has lasted is no failure any more.
        if seen.seconds < BEHIND_S:
            self._behind = None
            if seen.now - self.since >= PROVEN_S:
                self.hold_off_s = FIRST_HOLD_OFF_S
            return "realtime"
        # 3. It has put out nothing since it began: a slow start says nothing of what this machine holds.
        if seen.out is not None and seen.out == self._first_out and seen.now - self.since < START_S:
            return "realtime"
        # 4. It is behind and catching up: that is given its time, counted again from each fifth less.
        if self._behind is None or seen.trades <= 0.8 * self._behind[1]:
            self._behind = (seen.now, seen.trades)
        # 5. It is behind for long, or far with a backlog, as after a suspend: the next try comes later than this one.
        far = seen.seconds >= FAR_S and seen.trades > BACKLOG
        if far or seen.now - self._behind[0] >= LONG_S:
            self.retry_at = seen.now + self.hold_off_s
            self.hold_off_s = min(MOST_HOLD_OFF_S, 2 * self.hold_off_s)
            return "microbatch"
        return "realtime"

    def _decide_in_microbatch(self, seen: ModeSample) -> Mode:
        assert seen.seconds is not None
        # 6. It is not calm: not caught up, or no room beside it; what the last batch took says nothing once all is out.
        if seen.seconds >= CAUGHT_UP_S or (seen.trades and seen.busy is not None and seen.busy > ROOM):
            self._calm_since = None
            return "microbatch"
        # 7. It has been calm for a while, and the hold-off of the last failure is over.
        if self._calm_since is None:
            self._calm_since = seen.now
        calm = seen.now - self._calm_since >= SETTLED_S
        return "realtime" if calm and seen.now >= self.retry_at else "microbatch"
