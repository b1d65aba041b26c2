"""Gaps of one symbol that are filled while later trades are published, because they are long or held back too much.

The newest gap is filled first, range by range from its lowest id, and nothing here changes what is published above.
A page for a range that is no longer open finds no gap, and is dropped.
"""

from collections.abc import Iterable

from whale_platform.domain.trade import Trade
from whale_platform.ingest.sequencing import backfill_range
from whale_platform.ingest.sequencing.backfill_range import BackfillRange, HistoryPage
from whale_platform.ingest.sequencing.closed_gaps import ClosedGaps
from whale_platform.ingest.sequencing.gap import IdRange, SequenceGap
from whale_platform.ingest.sequencing.sequence_record import SequenceRecord


class BackgroundGaps:
    """`gaps`, ascending by id; each is missing from its `progress_id` on."""

    def __init__(self, record: SequenceRecord, closed: ClosedGaps, gaps: Iterable[SequenceGap]) -> None:
        self.gaps = list(gaps)
        self._record = record
        self._closed = closed

    def add(self, gap: SequenceGap) -> None:
        """Take a gap above all others."""
        self.gaps.append(gap)
        self._record.add_gap(gap)

    def find_wanted(self) -> BackfillRange | None:
        """Return the ids to fetch next."""
        if not self.gaps:
            return None
        gap = self.gaps[-1]
        last = min(gap.last_id, gap.progress_id + backfill_range.BACKFILL_IDS - 1)
        return BackfillRange(gap.progress_id, last, "background", gap.last_id, gap.until)

    def find(self, id_range: BackfillRange) -> SequenceGap | None:
        """Return the gap whose next ids `id_range` has."""
        for gap in self.gaps:
            if gap.first_id <= id_range.first_id <= gap.progress_id <= min(gap.last_id, id_range.last_id):
                return gap
        return None

    def fill(self, gap: SequenceGap, last_id: int, page: HistoryPage, now_us: int, reach: IdRange) -> list[Trade]:
        """Return the trades of `gap` that history has up to `last_id`, and note what it lacks."""
        out: list[Trade] = []
        for number in range(gap.progress_id, last_id + 1):
            trade = page.get(number)
            if trade is not None:
                out.append(trade)
            elif number in page:
                gap.add_quarantined(number)
            else:
                gap.add_missing(number, reach)
        gap.filled += len(out)
        self._advance_progress(gap, last_id + 1, now_us)
        return out

    def split_at_trade(self, trade: Trade, gap: SequenceGap) -> None:
        """Count `trade`, which came before `gap` was filled up to it: what lies above is a gap of its own."""
        number = trade.trade_id
        if number == gap.progress_id:
            gap.filled += 1
            self._advance_progress(gap, number + 1, trade.received_time)
            return
        if number < gap.last_id:
            rest = gap.split_above(number)
            self.gaps.insert(self.gaps.index(gap) + 1, rest)
            self._record.add_gap(rest)
        gap.last_id = number - 1
        self._record.add_gap(gap)

    def give_up(self, id_range: BackfillRange, last_id: int, note: str, now_us: int) -> None:
        """Leave what a gap lacks up to `last_id`, for the reason `note`; the rest is a gap of its own."""
        for index, gap in enumerate(self.gaps):
            if gap.progress_id == id_range.first_id and last_id < gap.last_id:
                rest = gap.split_above(last_id)
                gap.last_id = last_id
                self._closed.abandon(gap, note, now_us)
                self.gaps[index] = rest
                self._record.add_gap(rest)
                return

    def abandon(self, note: str, now_us: int) -> None:
        """Close all without looking for what they lack, for the reason `note`."""
        for gap in self.gaps:
            self._closed.abandon(gap, note, now_us)
        self.gaps = []

    def _advance_progress(self, gap: SequenceGap, progress_id: int, now_us: int) -> None:
        """Note that `gap` has been dealt with up to `progress_id`."""
        gap.progress_id = progress_id
        if progress_id > gap.last_id:
            self.gaps.remove(gap)
            self._closed.close(gap, now_us)
        else:
            self._record.add_gap(gap)
