"""Gaps that are filled while later trades are published."""

from whale_platform.ingest.sequencing.backfill_range import BACKFILL_IDS, BackfillRange
from whale_platform.ingest.sequencing.gap import SequenceGap
from whale_platform.ingest.sequencing.gap_tracker import INLINE_MAX, PENDING_MAX
from whale_platform.ingest.sequencing.sequencer import Sequencer
from whale_platform_tests.ingest.builders import trade
from whale_platform_tests.ingest.sequencing.sequences import feed, history, ids, wanted


def test_a_long_hole_goes_to_the_background_once_the_next_trade_confirms_it() -> None:
    sequencer = Sequencer(next_id=1)
    far = INLINE_MAX + 100
    assert feed(sequencer, far) == []
    assert feed(sequencer, far + 1) == [far, far + 1]
    assert feed(sequencer, far + 2) == [far + 2]
    filled: list[int] = []
    while (id_range := sequencer.find_wanted()) is not None:
        assert id_range.mode == "background" and id_range.last_id - id_range.first_id < BACKFILL_IDS
        filled += ids(sequencer.fill(id_range, history(id_range), 1))
    assert filled == list(range(1, far))
    told = [gap for gap in sequencer.record.events if isinstance(gap, SequenceGap)]
    assert (told[-1].state, told[-1].filled) == ("repaired", far - 1)


def test_too_much_held_back_sends_the_hole_to_the_background() -> None:
    sequencer = Sequencer(next_id=1)
    out = feed(sequencer, *range(2, PENDING_MAX + 3))
    assert out == list(range(2, PENDING_MAX + 3))
    assert wanted(sequencer) == BackfillRange(1, 1, "background")


def test_the_callers_deadline_sends_only_the_missing_ids_to_the_background() -> None:
    sequencer = Sequencer(next_id=1)
    feed(sequencer, 10, 4, 5)
    assert ids(sequencer.move_to_background(1)) == [5], "the true id of 4 may be any of the gap"
    assert [(gap.first_id, gap.last_id) for gap in sequencer.background.gaps] == [(1, 4)]
    assert sequencer.blocking_gap is not None and (sequencer.blocking_gap.first_id, sequencer.blocking_gap.last_id) == (
        6,
        9,
    )
    assert sequencer.move_to_background(1) == (), "nothing speaks for it"
    assert feed(sequencer, 11) == []
    assert ids(sequencer.move_to_background(1)) == [11]
    assert feed(sequencer, 12) == [12]


def test_history_vouches_for_a_trade_behind_a_gap_before_the_gap_is_proven() -> None:
    sequencer = Sequencer(next_id=1)
    feed(sequencer, 4, 7)
    nothing = BackfillRange(1, 0, "inline")
    assert sequencer.fill(nothing, {}, 1, around={4: trade(4)}) == []
    assert ids(sequencer.move_to_background(1)) == [4] and sequencer.record.unproven == 0
    assert sequencer.move_to_background(1) == (), "it says nothing of 7"


def test_a_chunk_asked_for_inline_still_fits_after_the_hole_went_to_the_background() -> None:
    sequencer = Sequencer(next_id=1)
    feed(sequencer, 4, 5)
    id_range = wanted(sequencer)
    assert ids(sequencer.move_to_background(1)) == [5]
    assert ids(sequencer.fill(id_range, history(id_range), 1)) == [1, 2, 3]
    assert sequencer.fill(id_range, history(id_range), 1) == ()
    assert wanted(sequencer) == BackfillRange(4, 4, "background")
    assert ids(sequencer.fill(wanted(sequencer), history(wanted(sequencer)), 1)) == [4]
    assert sequencer.background.gaps == []


def test_a_trade_of_a_background_gap_that_comes_live_is_published_and_divides_it() -> None:
    sequencer = Sequencer(1)
    feed(sequencer, 1, 8, 9, 10)
    sequencer.move_to_background(1)
    assert feed(sequencer, 5, 2) == [5, 2]
    assert [(gap.progress_id, gap.last_id) for gap in sequencer.background.gaps] == [(3, 4), (6, 8)]
    while (id_range := sequencer.find_wanted()) is not None:
        sequencer.fill(id_range, history(id_range), 1)
    assert feed(sequencer, 3, 7) == [] and sequencer.record.duplicates == 2


def test_what_is_given_up_is_unrepaired_and_the_rest_is_a_gap_of_its_own() -> None:
    sequencer = Sequencer(1)
    feed(sequencer, 1, 8, 9, 10)
    sequencer.move_to_background(1)
    sequencer.background.give_up(wanted(sequencer), 5, "too old", 7)
    closed, rest = (event for event in sequencer.record.events[-2:] if isinstance(event, SequenceGap))
    assert (closed.last_id, closed.state, closed.beyond, closed.note) == (5, "unrepaired", [(2, 5)], "too old")
    assert (rest.first_id, rest.last_id, wanted(sequencer).first_id) == (6, 8, 6)


def test_a_late_trade_of_a_background_gap_is_told_by_its_time() -> None:
    sequencer = Sequencer(1)
    feed(sequencer, 1, 8, 9, 10)
    sequencer.move_to_background(1)
    assert sequencer.add_live(trade(11)._replace(trade_id=5)) == ()
    assert feed(sequencer, 5) == [5]
