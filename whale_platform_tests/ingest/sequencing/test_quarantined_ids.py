"""Ids that were seen and are quarantined: nothing waits for them, and a sane trade of one is published."""

from whale_platform.ingest.sequencing.backfill_range import BackfillRange
from whale_platform.ingest.sequencing.gap import SequenceGap
from whale_platform.ingest.sequencing.sequencer import Sequencer
from whale_platform_tests.ingest.builders import trade
from whale_platform_tests.ingest.sequencing.sequences import feed, garbled, history, ids, wanted


def test_a_quarantined_first_trade_is_no_baseline() -> None:
    sequencer = Sequencer()
    assert sequencer.skip(7_000_000, 1) == ()
    assert feed(sequencer, 12, 13, 14) == [12, 13, 14]


def test_a_quarantined_id_is_no_hole() -> None:
    sequencer = Sequencer(next_id=1)
    sequencer.skip(1, 7)
    sequencer.skip(2, 8)
    assert feed(sequencer, 3) == [3]
    assert sequencer.blocking_gap is None
    assert [(gap.first_id, gap.last_id, gap.state) for gap in sequencer.quarantined.rows] == [(1, 2, "unrepaired")]
    assert sequencer.quarantined.rows[0].kept == [(1, 2)]


def test_a_quarantined_id_of_history_closes_the_gap_as_unrepaired() -> None:
    sequencer = Sequencer(next_id=1)
    feed(sequencer, 4)
    id_range = wanted(sequencer)
    assert ids(sequencer.fill(id_range, {**history(id_range), 2: None}, 1)) == [1, 3, 4]
    gap = sequencer.record.events[-1]
    assert isinstance(gap, SequenceGap) and (gap.state, gap.kept) == ("unrepaired", [(2, 2)])


def test_a_quarantined_id_of_history_leaves_a_background_gap_unrepaired() -> None:
    sequencer = Sequencer(next_id=1)
    feed(sequencer, 4, 5, 6)
    assert ids(sequencer.move_to_background(1)) == [5, 6]
    id_range = wanted(sequencer)
    assert ids(sequencer.fill(id_range, {**history(id_range, 3), 2: None}, 9)) == [1, 4]
    gap = sequencer.record.events[-1]
    assert isinstance(gap, SequenceGap)
    assert (gap.state, gap.kept, gap.absent, gap.closed_time) == ("unrepaired", [(2, 2)], [(3, 3)], 9)


def test_a_quarantined_id_that_comes_sane_leaves_nothing_behind() -> None:
    sequencer = Sequencer(1)
    feed(sequencer, 1, 3)
    sequencer.skip(4, 1)
    assert feed(sequencer, 4, 2, 7) == [2, 3, 4]
    assert wanted(sequencer) == BackfillRange(5, 6, "inline")


def test_a_quarantined_copy_does_not_kill_the_sane_one() -> None:
    """It was passed, and the sane one, later than all that was published, had no place."""
    sequencer = Sequencer(1)
    feed(sequencer, 1, 2)
    sequencer.skip(3, 7)
    sequencer.skip(4, 8)
    assert feed(sequencer, 3, 4, 5) == [3, 4, 5]
    assert (sequencer.record.unproven, sequencer.record.duplicates, sequencer.unconfirmed.held) == (0, 0, {})
    row = sequencer.quarantined.rows[-1]
    assert (row.first_id, row.last_id, row.state, row.kept) == (3, 4, "repaired", [])
    sequencer.skip(6, 9)
    assert feed(sequencer, 7) == [7] and feed(sequencer, 6) == [6]
    sequencer.skip(8, 9)
    assert feed(sequencer, 8) == [8]
    sequencer.skip(9, 9)
    assert (sequencer.quarantined.rows[-1].last_id, sequencer.quarantined.rows[-1].state) == (9, "unrepaired")


def test_another_trade_under_a_quarantined_id_is_told_by_its_time() -> None:
    """It was published under that id when nothing above was published so far, or waited above."""
    sequencer = Sequencer(30)
    feed(sequencer, 30)
    sequencer.skip(31, 7, trade(31).event_time)
    assert sequencer.add_live(garbled(32, 31)) == ()
    assert feed(sequencer, 31) == [31], "its own trade, sane"
    sequencer.skip(32, 8)
    assert feed(sequencer, 35) == []
    assert sequencer.add_live(garbled(36, 32)) == () and sequencer.record.unproven == 0
    assert feed(sequencer, 33, 34) == [33, 34, 35]
    assert sequencer.record.unproven == 2
