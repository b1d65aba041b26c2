"""From what the topic, the positions file and the gap ledger say to where each symbol goes on. Pure.

The topic decides: a gap in it that no closed ledger row accounts for is open, whatever the ledger says; a ledger row
that the topic has passed without a gap is repaired. A row is written before the trades that it counts: one that counts
more than the topic has was cut off from them by a kill, and is open again. Only the correction of a closed row is
written after its late trade: a row that lacks an id that the topic has is corrected. Open rows that begin behind the
topic's end held trades back: they are one gap now, from that end on, as the trades between them were not published
either.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from whale_platform.domain.epochs import epoch_of
from whale_platform.domain.trade import Trade
from whale_platform.ingest.recovery.positions_file import CLOCK_TOLERANCE_US
from whale_platform.ingest.recovery.topic_tail import SymbolTail
from whale_platform.ingest.sequencing.ended_epoch import UNFILLED_NOTE
from whale_platform.ingest.sequencing.gap import SequenceGap
from whale_platform.ingest.sequencing.sequencer import Sequencer
from whale_platform.ingest.sequencing.sparse_sequencer import SparseSequencer

IdRange = tuple[int, int]


@dataclass(slots=True)
class ResumePoint:
    """Where a symbol goes on. `changed`: rows of the ledger to write again; the rest as `Sequencer` has it.

    `newest`: the trade of the highest id, where it is known.
    recent: of a symbol whose ids are not contiguous, as `SparseSequencer` has it; None of others.
    """

    next_id: int | None = None
    gaps: list[SequenceGap] = field(default_factory=list)
    changed: list[SequenceGap] = field(default_factory=list)
    newest_time: int = 0
    passed: list[SequenceGap] = field(default_factory=list)
    floor: int = -1
    blocking_gap: SequenceGap | None = None
    latest: int = 0
    held: list[Trade] = field(default_factory=list)
    newest: Trade | None = None
    recent: list[tuple[int, int]] | None = None

    def build_sparse_sequencer(self, shown_first: bool) -> SparseSequencer:
        """One for ids that are not contiguous, which goes on there; `shown_first`: see SparseSequencer."""
        return SparseSequencer(self.recent or (), self.newest_time or self.latest, shown_first)

    def build_sequencer(self) -> Sequencer:
        """One that goes on there."""
        held = self.held if self.next_id is None else ()
        return Sequencer(
            self.next_id, self.gaps, self.newest_time, self.passed, self.floor, self.blocking_gap, self.latest, held
        )


def find_resume_point(
    tail: SymbolTail, noted: Iterable[SequenceGap], ledger: Mapping[int, SequenceGap], now_us: int
) -> ResumePoint:
    """`noted`: gaps of the positions file; `ledger`: this symbol's rows by first id."""
    # 0. Ids that are not contiguous have no gaps; the newest ones are remembered.
    if tail.recent is not None:
        return ResumePoint(newest_time=tail.read_newest_time(), recent=list(tail.recent.items()))
    # 1. The topic says where the symbol has come to; only an empty one leaves that to the ledger.
    if tail.last is None:
        tail = _build_tail_from_ledger(ledger)
    if tail.last is None:
        return ResumePoint()
    begin = ResumePoint(
        tail.last + 1, newest_time=tail.read_newest_time(), floor=-1 if tail.first is None else tail.first
    )
    begin.latest = 0 if begin.newest_time else tail.latest
    begin.newest = tail.read_newest()
    # 2. Rows that lack the latest trades of the topic are corrected.
    corrected = {first_id: _count_late(row, tail) for first_id, row in ledger.items()}
    begin.changed += [row for first_id, row in corrected.items() if row is not ledger[first_id] and row.state != "open"]
    ledger, noted = corrected, [_count_late(gap, tail) for gap in noted]
    # 3. Sort the rows: open ones may own a gap of the topic, closed ones account for it, but those that a kill cut off.
    owners = {row.first_id: row for row in ledger.values() if row.state == "open"}
    closed = [row for row in ledger.values() if row.state in ("exchange_gap", "unrepaired")]
    cut_off = [row for row in closed if _count_absent(tail, row) > row.last_id - row.first_id + 1 - row.filled]
    accounted = [(row.first_id, row.last_id) for row in closed if row not in cut_off]
    for row in cut_off:
        owners[row.first_id] = replace(row, filled=0, progress_id=row.first_id, absent=[], kept=[], beyond=[])
    owners.update((gap.first_id, gap) for gap in noted)
    # 4. What the topic lacks and no closed row accounts for is open, in its owner's row or in a row of its own.
    for missing in tail.missing:
        for first, last in _subtract_ranges(missing, accounted):
            owner = _find_owner(owners, first)
            gap = (
                SequenceGap(first, last, "restart", now_us, progress_id=first)
                if owner is None
                else _narrow_gap(owner, first, last)
            )
            owners.pop(gap.first_id, None)
            open_gap = replace(gap, mode="background", state="open", closed_time=None)
            if epoch_of(first) == epoch_of(tail.last):
                begin.gaps.append(open_gap)
            else:
                begin.changed.append(_close_unfillable(open_gap, now_us))
    # 5. An open row that the topic has passed without a gap is repaired, or lies below what was read of the topic.
    for row in owners.values():
        if row.first_id not in ledger or ledger[row.first_id].state == "open":
            _settle_open_row(begin, row, tail, tail.last, now_us)
    for gap in begin.gaps:
        # Not the row's alone: the trade that ended it then may have been garbled, and another ends it now.
        gap.until = max(gap.until, begin.newest_time) or begin.latest
    # 6. Closed rows are known on, as one of their ids may yet arrive; open ones behind the topic's end become one gap.
    begin.gaps.sort(key=lambda gap: gap.first_id)
    begin.passed = sorted((row for row in closed if row not in cut_off), key=lambda row: row.first_id)
    begin.changed += begin.gaps
    _merge_rows_ahead(
        begin, [row for row in ledger.values() if row.state == "open" and row.first_id > tail.last], now_us
    )
    return begin


def _build_tail_from_ledger(ledger: Mapping[int, SequenceGap]) -> SymbolTail:
    """Where nothing else is left: below a gap, and above one that was closed, is what was published."""
    if not ledger:
        return SymbolTail()
    row = ledger[max(ledger)]
    last = row.first_id - 1 if row.state == "open" else row.last_id
    return SymbolTail(last, [], -1, latest=row.until or (row.closed_time or row.found_time) + CLOCK_TOLERANCE_US)


def _count_late(row: SequenceGap, tail: SymbolTail) -> SequenceGap:
    """`row` with the trades counted that it says were not published, and that the topic has."""
    unpublished = (*row.absent, *row.kept, *row.beyond)
    late = [trade_id for first, last in unpublished for trade_id in tail.list_published(first, last)]
    if not late:
        return row
    row = row.copy()
    for trade_id in late:
        row.record_arrival(trade_id)
    if row.closed_time is not None:
        row.close(row.closed_time)
    return row


def _count_absent(tail: SymbolTail, row: SequenceGap) -> int:
    """How many ids of the row the topic lacks."""
    return sum(max(0, min(last, row.last_id) - max(first, row.first_id) + 1) for first, last in tail.missing)


def _find_owner(owners: Mapping[int, SequenceGap], trade_id: int) -> SequenceGap | None:
    return next((gap for gap in owners.values() if gap.first_id <= trade_id <= gap.last_id), None)


def _narrow_gap(gap: SequenceGap, progress: int, last: int) -> SequenceGap:
    """`gap`, of which only `progress` to `last` is still missing."""
    known = max(gap.progress_id, gap.first_id)
    filled, below = gap.filled + max(0, progress - known), progress - gap.first_id
    if filled <= below:
        return replace(gap, last_id=last, progress_id=progress, filled=filled)
    # A kill cut the row off from trades that it counts: the topic has what lies below; the rest is looked for again.
    return replace(gap, last_id=last, progress_id=progress, filled=below, absent=[], kept=[], beyond=[])


def _settle_open_row(begin: ResumePoint, row: SequenceGap, tail: SymbolTail, last: int, now_us: int) -> None:
    """A row that is open although the topic has no gap of it."""
    if row.first_id > last:
        return
    if tail.first is not None and row.first_id < tail.first:
        older = replace(row, mode="background", progress_id=max(row.progress_id, row.first_id))
        if epoch_of(row.first_id) == epoch_of(last):
            begin.gaps.append(older)
        else:
            begin.changed.append(_close_unfillable(older, now_us))
        return
    ended = replace(row, last_id=min(row.last_id, last))
    ended.filled = ended.last_id - ended.first_id + 1 - ended.count_unpublished()
    ended.close(now_us)
    begin.changed.append(ended)


def _merge_rows_ahead(begin: ResumePoint, rows: list[SequenceGap], now_us: int) -> None:
    """Open rows behind the topic's end."""
    next_id = begin.next_id or 0
    same = [row for row in rows if epoch_of(row.last_id) == epoch_of(next_id)]
    if same:
        first, last = (choose(same, key=lambda row: row.last_id) for choose in (min, max))
        begin.blocking_gap = SequenceGap(
            next_id, last.last_id, first.cause, first.found_time, progress_id=next_id, until=last.until
        )
        begin.changed.append(begin.blocking_gap)
    for row in rows:
        if row.first_id != next_id:
            row = replace(row, filled=row.last_id - row.first_id + 1, note=f"counted in the row of first_id {next_id}")
            row.close(now_us)
            begin.changed.append(row)


def _close_unfillable(gap: SequenceGap, now_us: int) -> SequenceGap:
    """A gap that the exchange can't be asked about any more: its ids mean other trades now, or none."""
    gap.add_beyond(gap.progress_id, gap.last_id)
    gap.note = UNFILLED_NOTE
    gap.close(now_us)
    return gap


def _subtract_ranges(missing: IdRange, spans: Iterable[IdRange]) -> list[IdRange]:
    """The parts of `gap` that none of `spans` covers."""
    parts = [missing]
    for first, last in spans:
        parts = [
            piece for a, b in parts for piece in ((a, min(b, first - 1)), (max(a, last + 1), b)) if piece[0] <= piece[1]
        ]
    return parts
