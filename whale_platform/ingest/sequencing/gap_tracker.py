"""Trades in id order and the gap that blocks them: what the sequencer does with an id whose position is known.

A missing id holds the later trades back (`blocking_gap`, mode inline) until history fills it or proves it absent. A
gap that is long, or holds back too much, goes to the background (background_gaps.py): later trades are published at
once. What was passed without being published stays known by the closed rows (closed_gaps.py).
"""

from collections.abc import Iterable, Mapping, Sequence

from whale_platform.domain.epochs import EPOCH, epoch_of
from whale_platform.domain.trade import Trade
from whale_platform.ingest.sequencing import backfill_range
from whale_platform.ingest.sequencing.backfill_range import ALL_IDS, EMPTY_PAGE, NO_TRADES, BackfillRange, HistoryPage
from whale_platform.ingest.sequencing.background_gaps import BackgroundGaps
from whale_platform.ingest.sequencing.closed_gaps import ClosedGaps
from whale_platform.ingest.sequencing.gap import GapCause, IdRange, SequenceGap
from whale_platform.ingest.sequencing.pending_trades import PendingTrades
from whale_platform.ingest.sequencing.quarantined_ids import QuarantinedIds
from whale_platform.ingest.sequencing.recent_trades import RecentTrades
from whale_platform.ingest.sequencing.sequence_record import SequenceRecord
from whale_platform.ingest.sequencing.unconfirmed_trades import is_copy

INLINE_MAX = 10_000  # ids: about ten pages of history, fetched in two seconds; longer would hold trades back too long
CONTRADICTED = "its id and its time contradict those of other trades"
PENDING_MAX = 20_000  # trades held back: some 20 MB


class GapTracker:
    """State of one symbol. Gaps that changed and conflicts gather in `record` until the caller takes them.

    `base`: what the present epoch adds to the exchange's ids; every id here has it. `newest_time`: event time of the
    trade published last, 0 where unknown; `passed`: closed rows.
    """

    def __init__(
        self, next_id: int | None, background: Iterable[SequenceGap], newest_time: int, passed: Iterable[SequenceGap]
    ) -> None:
        self.next_id = next_id
        self.base = epoch_of(next_id or 0) * EPOCH
        self.newest_time = newest_time
        self.blocking_gap: SequenceGap | None = None
        self.record = SequenceRecord()
        self._closed = ClosedGaps(self.record, passed)
        self.background = BackgroundGaps(self.record, self._closed, background)
        self.quarantined = QuarantinedIds(self._closed)
        self._pending = PendingTrades()
        self._recent = RecentTrades()
        self._blank = (-1, -1)
        self._blank_times: dict[int, int] = {}
        self._top = -1
        self._mark: tuple[int | None, GapCause] = (next_id, "restart")

    def skip(self, trade_id: int, now_us: int, event_time: int = 0) -> Sequence[Trade]:
        """`trade_id` was seen but is quarantined: it counts as seen and is not looked for in history.

        `event_time`: as that trade has it, 0 where unknown.
        """
        if self.next_id is None or trade_id in self._pending:
            return ()
        if (
            self.next_id <= trade_id <= max(self.next_id, self._top) + INLINE_MAX
            and len(self.quarantined) < PENDING_MAX
        ):
            self.quarantined.add(trade_id, now_us, event_time)
            return self._advance(now_us)
        return ()

    def record_connection(self) -> None:
        """Another connection delivers from here on: a gap that begins here is its cause."""
        if self._mark != (self.next_id, "restart"):
            self._mark = (self.next_id, "reconnect")

    def find_wanted(self) -> BackfillRange | None:
        """The ids to fetch next: of the gap that holds trades back, else of the newest background gap."""
        if self.blocking_gap is not None and self.next_id is not None:
            last, until = self.blocking_gap.last_id, max(self.blocking_gap.until, self._pending.find_latest_us())
            return BackfillRange(
                self.next_id, min(last, self.next_id + backfill_range.BACKFILL_IDS - 1), "inline", last, until
            )
        return self.background.find_wanted()

    def fill(
        self,
        id_range: BackfillRange,
        page: HistoryPage,
        now_us: int,
        reach: IdRange = ALL_IDS,
        around: Mapping[int, Trade] = NO_TRADES,
        surely: bool = False,
    ) -> Sequence[Trade]:
        """History's answer for `id_range`: its ids that are not in `page` are absent; outside `reach`, beyond history.

        `around`: all that the answer had, beyond the range too; `surely`: see `PendingTrades.refute_by_history`.
        """
        # 1. The range is of a background gap, also where that blocked when the range was requested.
        gap = self.background.find(id_range)
        if gap is not None:
            return self.background.fill(gap, min(gap.last_id, id_range.last_id), page, now_us, reach)
        if (
            self.blocking_gap is None
            or self.next_id is None
            or not self.blocking_gap.first_id <= id_range.first_id <= self.next_id
        ):
            return ()
        # 2. History refutes what waits under a wrong id; so the gap may end elsewhere.
        refuted = self._pending.refute_by_history(around, surely)
        if refuted and not self._pending:  # what history has is all there is
            out = self._advance(now_us, page, min(id_range.last_id, self.blocking_gap.last_id, max(around)), reach)
            self._refuse_wrong_ids(refuted, now_us)
            return out
        self._refuse_wrong_ids(refuted, now_us)
        # 3. Where history reaches the end of the range, the range is proven up to there.
        sure_until = min(id_range.last_id, self._get_gap_end())
        if reach[1] >= sure_until:
            return self._advance(now_us, page, sure_until, reach)
        # 4. Above its newest trade history proves nothing: what waits there is published if others vouch for it. One
        #    trade alone may have a wrong id, also where ids began again and history has nothing of it any more.
        out = self._advance(now_us, page, reach[1], reach)
        if self._pending:
            return [*out, *self.move_to_background(now_us)]
        self._close_blocking_gap(now_us)  # a row of before a restart, which a wrong id may have made
        return out

    def move_to_background(self, now_us: int) -> Sequence[Trade]:
        """Stop waiting for the present gap: what it held back goes on, up to the next gap if there is one.

        It does from the first trade on that is vouched for. What waits below may have a wrong id: it counts as missing,
        so that history decides, and where that has nothing of it the ledger says that the gap is unrepaired.
        """
        if self.blocking_gap is None or not self._pending:
            return ()
        # 1. Look for a trade that others, or history, vouch for; without one nothing is published on a guess.
        first = self._pending.find_first_proven()
        if first is None:
            return ()
        # 2. What waits below it is refused.
        unproven = [self._pending.pop(one.trade_id) for one in self._pending if one.trade_id < first]
        self._refuse_wrong_ids(unproven, now_us, "neither history nor the trade of the id before proves its id")
        # 3. The gap now ends below it, and no longer blocks.
        if self.blocking_gap is not None:
            self._move_gap_to_background(self.blocking_gap)
        return self._advance(now_us)

    def _hold_pending(self, trade: Trade) -> None:
        known = self._pending.get(trade.trade_id)
        if known is None:
            self._refuse_wrong_ids(self._pending.add(trade), trade.received_time)
        elif is_copy(known, trade):
            self.record.duplicates += 1
        elif trade.trade_id == self.next_id or self._pending.strike_differing(trade.trade_id):
            if trade.trade_id in self._pending:
                self._pending.pop(trade.trade_id)
            self._refuse_wrong_ids([known], trade.received_time)
            self._refuse_wrong_ids(self._pending.add(trade), trade.received_time)
        else:
            self.record.compare(known, trade)
        self._top = self._pending.highest()

    def _refuse_wrong_ids(self, trades: Iterable[Trade], now_us: int, reason: str = CONTRADICTED) -> None:
        """These, which no longer wait, have a wrong id: the gap ends where others tell that it does."""
        for one in trades:
            self.record.add_conflict(one, reason)
        if not trades or self.blocking_gap is None or self.next_id is None:
            return
        self._top = self._pending.highest()
        above = self._pending.find_above(self.blocking_gap.last_id)
        if self.blocking_gap.last_id + 1 in self._pending:
            return
        if above is None and self._pending:
            above = self._top
        if above is None:
            self._close_blocking_gap(now_us)
            return
        self.blocking_gap.last_id = above - 1
        self.blocking_gap.until = max(
            self.blocking_gap.until, self._pending.find_latest_us()
        )  # what is missing now may have happened later
        self.record.add_gap(self.blocking_gap)

    def _get_gap_end(self) -> int:
        """The last id of the gap, -1 without one."""
        return -1 if self.blocking_gap is None else self.blocking_gap.last_id

    def _close_blocking_gap(self, now_us: int) -> None:
        """Nothing more is missing. A row covers an id at least: the next one, which comes or opens a gap again."""
        if self.blocking_gap is None or self.next_id is None:
            return
        self.blocking_gap.last_id = max(self.blocking_gap.first_id, self.next_id - 1)
        if self.next_id == self.blocking_gap.first_id:
            self.blocking_gap.filled = 1
            self.blocking_gap.note = "no id was missing: the next trade had a wrong one"
        self._closed.close(self.blocking_gap, now_us)
        self.blocking_gap = None

    def _advance(
        self, now_us: int, page: HistoryPage = EMPTY_PAGE, sure_until: int = -1, reach: IdRange = ALL_IDS
    ) -> list[Trade]:
        """Publish from `next_id` on while ids are known; ids up to `sure_until` are absent where unknown."""
        assert self.next_id is not None
        out: list[Trade] = []
        while True:
            # 1. Go on as far as each id is known to be published, quarantined or absent.
            self._pass_known(out, now_us, page, sure_until, reach)
            if not self._pending:
                break
            # 2. Trades wait behind the next id, so it is missing: that is a gap, which blocks them.
            if self.blocking_gap is None:
                self._open_blocking_gap(now_us)
            assert self.blocking_gap is not None
            # 3. One that is long, or holds back too much, is filled in the background; what it held back goes on.
            if (
                self.blocking_gap.last_id - self.blocking_gap.first_id < INLINE_MAX
                and len(self._pending) <= PENDING_MAX
            ):
                break
            self._move_gap_to_background(self.blocking_gap)
        return out

    def _pass_known(self, out: list[Trade], now_us: int, page: HistoryPage, sure_until: int, reach: IdRange) -> None:
        assert self.next_id is not None
        while True:
            number, blocking_gap = self.next_id, self.blocking_gap
            sure = number <= sure_until
            # 1. The trade that waits under this id counts, but for one that is disputed and that history lacks.
            trade = self._pending.get(number)
            disputed = self._pending.is_disputed(number)
            if trade is not None and (sure or not disputed):
                self._pending.pop(number)
                if disputed:
                    self.record.add_conflict(trade, "history does not have it, and other trades speak against it")
                    trade = None
            else:
                trade = None
            # 2. Else the one that history has; else the id is quarantined, or absent; else nobody knows yet.
            trade = trade or (page.get(number) if sure else None)
            if trade is not None:
                out.append(trade)
                self.quarantined.discard(number)
                self._recent.add(trade)
                self.newest_time = trade.event_time
                if blocking_gap is not None:
                    blocking_gap.filled += 1
            elif number in self.quarantined or (sure and number in page):
                if self._blank[1] != number:
                    self._blank_times.clear()
                self._blank_times[number] = self.quarantined.record_passed(number, now_us, blocking_gap)
            elif sure and blocking_gap is not None:
                blocking_gap.add_missing(number, reach)
            else:
                return
            # 3. Ids passed without a trade, up to here, may yet come in turn: nothing above them is published.
            if trade is None:
                self._blank = (self._blank[0] if self._blank[1] == number else number, number + 1)
            # 4. The gap is closed with its last id.
            self.next_id = number + 1
            if blocking_gap is not None:
                blocking_gap.progress_id = self.next_id
                if number >= blocking_gap.last_id:
                    self._closed.close(blocking_gap, now_us)
                    self.blocking_gap = None

    def _open_blocking_gap(self, now_us: int) -> None:
        assert self.next_id is not None
        lowest = self._pending.lowest()
        above = lowest.trade_id if lowest.trade_id > self.next_id else self._pending.find_above(self.next_id)
        last = min(self._top + 1 if above is None else above, self.quarantined.find_lowest(self._top + 1)) - 1
        cause: GapCause = self._mark[1] if self._mark[0] == self.next_id else "stream"
        until = lowest.event_time
        self.blocking_gap = SequenceGap(self.next_id, last, cause, now_us, progress_id=self.next_id, until=until)
        self.record.add_gap(self.blocking_gap)

    def _move_gap_to_background(self, blocking_gap: SequenceGap) -> None:
        assert self.next_id is not None
        known = min(self._pending.lowest().trade_id, self.quarantined.find_lowest(self._top))
        blocking_gap.until = max(blocking_gap.until, self._pending.find_latest_us())
        blocking_gap.last_id = min(blocking_gap.last_id, known - 1)
        blocking_gap.mode, blocking_gap.progress_id = "background", self.next_id
        self.next_id = blocking_gap.last_id + 1
        self.blocking_gap = None
        self.background.add(blocking_gap)
