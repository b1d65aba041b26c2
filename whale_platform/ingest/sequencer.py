"""One symbol's trades in id order, each once: a state machine without I/O and without a clock.

Trades go in as they come (live from any number of overlapping connections, or from the exchange's history), trades to
publish come out, ascending by id. A missing id holds the later trades back (`hole`, mode inline) until history fills
it or proves it absent. A hole that is long, or holds back too much, goes to the `background`: later trades go on at
once and the hole is filled by chunks below them. An id far ahead of all others is believed only when the next trade
is near it, or it comes again: one garbled id would otherwise make every true trade look old, for good.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from whale_platform.domain.trade import Trade
from whale_platform.ingest.gaps import Cause, Gap, Mode

INLINE_MAX = 10_000  # ids: about ten pages of history, fetched in two seconds; longer would hold trades back too long
PENDING_MAX = 20_000  # trades held back: some 20 MB
CHUNK = 4_999  # with the one id more that is asked for: five full pages
RING = 512  # newest trades kept to compare a second copy with: far more than two connections are ever apart
Found = Mapping[int, Trade | None]  # a page of history by id; None: the id is there, but quarantined
NOTHING: Found = {}


@dataclass(frozen=True, slots=True)
class Conflict:
    """A trade that contradicts what is known; it is kept back and the first version stands."""

    trade: Trade
    reason: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Ids wanted from the exchange's history."""

    first_id: int
    last_id: int
    mode: Mode


class Sequencer:
    """State of one symbol. Gaps that changed and conflicts gather in `events` until the caller takes them."""

    def __init__(self, next_id: int | None = None, background: Iterable[Gap] = ()) -> None:
        self.next_id = next_id
        self.background = list(background)
        self.hole: Gap | None = None
        self.events: list[Gap | Conflict] = []
        self.quarantine: list[Gap] = []
        self.duplicates = 0
        self._pending: dict[int, Trade] = {}
        self._skipped: dict[int, int] = {}
        self._suspect: Trade | None = None
        self._top = -1
        self._ring: list[Trade | None] = [None] * RING
        self._mark: tuple[int | None, Cause] = (next_id, "restart")
        self._hot = -1
        self._settle()

    def live(self, trade: Trade) -> Sequence[Trade]:
        """Take one live trade; returns what may be published now, in order."""
        number = trade.trade_id
        if number == self._hot:
            self.next_id = self._hot = number + 1
            self._ring[number % RING] = trade
            return (trade,)
        return self._unusual(trade)

    def last_trade(self, trade: Trade) -> Sequence[Trade]:
        """The newest trade before the subscription: for a new symbol the baseline, else like a live one."""
        if self.next_id is None:
            self.next_id = trade.trade_id + 1
            self._ring[trade.trade_id % RING] = trade
            self._settle()
            return ()
        return () if trade.trade_id < self.next_id else self.live(trade)

    def skip(self, trade_id: int, now_us: int) -> Sequence[Trade]:
        """`trade_id` was seen but is quarantined: it counts as seen and is not looked for in history."""
        if self.next_id is None or trade_id in self._pending:
            return ()
        if self.next_id <= trade_id <= max(self.next_id, self._top) + INLINE_MAX and len(self._skipped) < PENDING_MAX:
            self._skipped[trade_id] = now_us
            return self._advance(now_us)
        return ()

    def connected(self) -> None:
        """Another connection delivers from here on: a hole that begins here is its cause."""
        if self._mark != (self.next_id, "restart"):
            self._mark = (self.next_id, "reconnect")

    def wanted(self) -> Chunk | None:
        """The ids to fetch next: of the hole that holds trades back, else of the oldest background gap."""
        if self.hole is not None and self.next_id is not None:
            return Chunk(self.next_id, min(self.hole.last_id, self.next_id + CHUNK - 1), "inline")
        if self.background:
            gap = self.background[0]
            return Chunk(gap.progress_id, min(gap.last_id, gap.progress_id + CHUNK - 1), "background")
        return None

    def fill(self, chunk: Chunk, found: Found, now_us: int) -> Sequence[Trade]:
        """History's answer for `chunk`; ids of the chunk that are not in `found` are proven absent."""
        for gap in self.background:
            if gap.first_id <= chunk.first_id <= gap.progress_id <= min(gap.last_id, chunk.last_id):
                return self._fill_below(gap, min(gap.last_id, chunk.last_id), found, now_us)
        if self.hole is None or self.next_id is None or not self.hole.first_id <= chunk.first_id <= self.next_id:
            return ()
        return self._advance(now_us, found, min(chunk.last_id, self.hole.last_id))

    def to_background(self, now_us: int) -> Sequence[Trade]:
        """Stop waiting for the present hole: what it held back goes on, up to the next hole if there is one."""
        if self.hole is None or self.next_id is None:
            return ()
        self._set_aside(self.hole)
        return self._advance(now_us)

    def _unusual(self, trade: Trade) -> Sequence[Trade]:
        number, now = trade.trade_id, trade.received_time
        if self.next_id is None:
            self.next_id = number
        if number < self.next_id:
            self._compare(self._ring[number % RING], trade)
            return ()
        if self._suspect is not None:
            suspect, self._suspect = self._suspect, None
            if abs(number - suspect.trade_id) <= INLINE_MAX:
                self._hold(suspect)
            else:
                ahead = suspect.trade_id - self.next_id
                self.events.append(Conflict(suspect, f"trade id {ahead} ahead of its turn, and the next trade is not"))
        if number - max(self.next_id, self._top) > INLINE_MAX:
            self._suspect = trade
        else:
            self._hold(trade)
        return self._advance(now)

    def _hold(self, trade: Trade) -> None:
        known = self._pending.setdefault(trade.trade_id, trade)
        if known is not trade:
            self._compare(known, trade)
        self._top = max(self._top, trade.trade_id)

    def _compare(self, known: Trade | None, trade: Trade) -> None:
        if (
            known is not None
            and known.trade_id == trade.trade_id
            and (known.price != trade.price or known.quantity != trade.quantity)
        ):
            reason = f"trade {trade.trade_id} came with {known.quantity} at {known.price} before"
            self.events.append(Conflict(trade, reason))
        else:
            self.duplicates += 1

    def _advance(self, now_us: int, found: Found = NOTHING, sure_until: int = -1) -> list[Trade]:
        """Publish from `next_id` on while ids are known; ids up to `sure_until` are absent where unknown."""
        assert self.next_id is not None
        out: list[Trade] = []
        while True:
            self._pass_known(out, now_us, found, sure_until)
            if not self._pending:
                break
            if self.hole is None:
                self._open_hole(now_us)
            assert self.hole is not None
            if self.hole.last_id - self.hole.first_id < INLINE_MAX and len(self._pending) <= PENDING_MAX:
                break
            self._set_aside(self.hole)
        self._settle()
        return out

    def _pass_known(self, out: list[Trade], now_us: int, found: Found, sure_until: int) -> None:
        assert self.next_id is not None
        while True:
            number, hole = self.next_id, self.hole
            sure = number <= sure_until
            trade = self._pending.pop(number, None) or (found.get(number) if sure else None)
            if trade is not None:
                out.append(trade)
                self._ring[number % RING] = trade
                if hole is not None:
                    hole.filled += 1
            elif number in self._skipped or (sure and number in found):
                self._pass_skipped(number, now_us)
            elif sure and hole is not None:
                hole.miss(number)
            else:
                return
            self.next_id = number + 1
            if hole is not None and number >= hole.last_id:
                hole.close(now_us)
                self.events.append(hole)
                self.hole = None

    def _pass_skipped(self, number: int, now_us: int) -> None:
        seen = self._skipped.pop(number, now_us)
        if self.hole is not None:
            self.hole.quarantined += 1
        elif self.quarantine and self.quarantine[-1].last_id == number - 1:
            self.quarantine[-1].last_id = number
            self.quarantine[-1].quarantined += 1
        else:
            gap = Gap(number, number, "stream", seen, quarantined=1)
            gap.close(seen)
            self.quarantine.append(gap)

    def _open_hole(self, now_us: int) -> None:
        assert self.next_id is not None
        last = min(min(self._pending), min(self._skipped, default=self._top)) - 1
        cause: Cause = self._mark[1] if self._mark[0] == self.next_id else "stream"
        self.hole = Gap(self.next_id, last, cause, now_us, progress_id=self.next_id)
        self.events.append(self.hole)

    def _set_aside(self, hole: Gap) -> None:
        assert self.next_id is not None
        known = min(min(self._pending), min(self._skipped, default=self._top))
        hole.last_id = min(hole.last_id, known - 1)
        hole.mode, hole.progress_id = "background", self.next_id
        self.next_id = hole.last_id + 1
        self.hole = None
        self.background.append(hole)
        self.events.append(hole)

    def _fill_below(self, gap: Gap, last_id: int, found: Found, now_us: int) -> list[Trade]:
        out: list[Trade] = []
        for number in range(gap.progress_id, last_id + 1):
            trade = found.get(number)
            if trade is not None:
                out.append(trade)
            elif number in found:
                gap.quarantined += 1
            else:
                gap.miss(number)
        gap.filled += len(out)
        gap.progress_id = last_id + 1
        if gap.progress_id > gap.last_id:
            gap.close(now_us)
            self.background.remove(gap)
        self.events.append(gap)
        return out

    def _settle(self) -> None:
        quiet = not self._pending and not self._skipped and self._suspect is None
        self._hot = self.next_id if quiet and self.next_id is not None else -1
