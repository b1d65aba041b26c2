"""The sequencer, case by case: order, duplicates, and gaps that hold trades back."""

from whale_platform.ingest.sequencing.backfill_range import BackfillRange
from whale_platform.ingest.sequencing.gap import SequenceGap
from whale_platform.ingest.sequencing.sequence_record import TradeConflict
from whale_platform.ingest.sequencing.sequencer import Sequencer
from whale_platform_tests.ingest.builders import trade
from whale_platform_tests.ingest.sequencing.sequences import feed, history, ids, wanted


def test_in_order_trades_go_on_at_once() -> None:
    sequencer = Sequencer()
    assert feed(sequencer, 7, 8, 9) == [7, 8, 9]
    assert (sequencer.next_id, sequencer.record.events, sequencer.find_wanted()) == (10, [], None)


def test_copies_and_old_trades_are_dropped_and_counted() -> None:
    sequencer = Sequencer(next_id=5)
    assert feed(sequencer, 5, 5, 4, 6, 5) == [5, 6]
    assert sequencer.record.duplicates == 3


def test_the_last_trade_of_a_new_symbol_is_the_baseline_and_not_published() -> None:
    sequencer = Sequencer()
    assert sequencer.add_last_trade(trade(41)) == ()
    assert feed(sequencer, 43) == [], "42 is missing"
    assert feed(sequencer, 42) == [42, 43]
    assert feed(sequencer, 41) == [] and sequencer.record.duplicates == 1


def test_the_last_trade_after_a_restart_shows_the_hole_and_goes_on_itself() -> None:
    sequencer = Sequencer(next_id=10)
    assert sequencer.add_last_trade(trade(12)) == []
    assert wanted(sequencer) == BackfillRange(10, 11, "inline")
    assert ids(sequencer.fill(wanted(sequencer), history(BackfillRange(10, 11, "inline")), 1)) == [10, 11, 12]
    gap = sequencer.record.events[-1]
    assert isinstance(gap, SequenceGap)
    assert (gap.cause, gap.state, gap.filled) == ("restart", "repaired", 2)


def test_a_hole_holds_later_trades_back_until_it_is_filled() -> None:
    sequencer = Sequencer(next_id=1)
    assert feed(sequencer, 1, 4, 5) == [1]
    assert feed(sequencer, 3) == []
    assert feed(sequencer, 2) == [2, 3, 4, 5]
    assert feed(sequencer, 6) == [6]
    assert [gap.state for gap in sequencer.record.events if isinstance(gap, SequenceGap)][-1] == "repaired"


def test_two_holes_are_filled_one_after_the_other() -> None:
    sequencer = Sequencer(next_id=1)
    feed(sequencer, 3, 6)
    assert wanted(sequencer) == BackfillRange(1, 2, "inline")
    assert ids(sequencer.fill(wanted(sequencer), history(wanted(sequencer)), 1)) == [1, 2, 3]
    assert wanted(sequencer) == BackfillRange(4, 5, "inline")
    assert ids(sequencer.fill(wanted(sequencer), history(wanted(sequencer)), 1)) == [4, 5, 6]
    assert sequencer.blocking_gap is None


def test_ids_absent_from_history_are_recorded_and_passed() -> None:
    sequencer = Sequencer(next_id=1)
    feed(sequencer, 6)
    assert ids(sequencer.fill(wanted(sequencer), history(wanted(sequencer), 2, 3, 5), 9)) == [1, 4, 6]
    gap = sequencer.record.events[-1]
    assert isinstance(gap, SequenceGap)
    assert (gap.state, gap.filled, gap.closed_time) == ("exchange_gap", 2, 9)
    assert gap.describe() == "not in the exchange's history: 2-3, 5"


def test_one_id_with_two_prices_is_a_conflict_and_of_two_that_wait_history_tells() -> None:
    sequencer = Sequencer(next_id=1)
    feed(sequencer, 1, 3)
    assert sequencer.add_live(trade(1, price="5")) == ()
    assert sequencer.add_live(trade(3, price="5")) == []
    conflicts = [event for event in sequencer.record.events if isinstance(event, TradeConflict)]
    assert [one.trade.trade_id for one in conflicts] == [1, 3]
    assert feed(sequencer, 2, 4) == [2]
    found = history(BackfillRange(3, 4, "inline"))
    around = {number: one for number, one in found.items() if one is not None}
    assert ids(sequencer.fill(wanted(sequencer), found, 1, around=around)) == [3, 4]


def test_a_second_version_of_a_trade_that_waited_is_a_conflict_too() -> None:
    sequencer = Sequencer(next_id=1)
    feed(sequencer, 2, 1)
    sequencer.add_live(trade(2, price="7"))
    assert isinstance(sequencer.record.events[-1], TradeConflict)


def test_causes_follow_the_connections() -> None:
    sequencer = Sequencer(next_id=1)
    sequencer.record_connection()
    feed(sequencer, 2)
    feed(sequencer, 1, 3)
    sequencer.record_connection()
    feed(sequencer, 5, 4, 6, 8, 7)
    causes = [event.cause for event in sequencer.record.events if isinstance(event, SequenceGap)]
    assert list(dict.fromkeys(causes)) == ["restart", "reconnect", "stream"]


def test_an_id_that_history_lacked_is_published_when_it_comes_and_its_row_corrected() -> None:
    sequencer = Sequencer(1)
    feed(sequencer, 1, 5)
    sequencer.fill(wanted(sequencer), history(wanted(sequencer), 3), 1)
    assert feed(sequencer, 3, 3) == [3]
    gap = sequencer.record.events[-1]
    assert isinstance(gap, SequenceGap) and (gap.state, gap.filled, gap.absent) == ("repaired", 3, [])
    assert sequencer.record.duplicates == 1, "the second copy is one"


def test_without_the_time_of_the_newest_trade_an_old_one_is_a_copy() -> None:
    sequencer = Sequencer(1_000)
    assert feed(sequencer, 997, 998, 999) == [] and not sequencer.needs_history()
    assert sequencer.record.duplicates == 3


def test_a_hole_that_is_half_filled_says_how_far() -> None:
    """Else a restart counts what was filled twice, and takes ids that are missing for repaired."""
    sequencer = Sequencer(1)
    feed(sequencer, 1, 6, 2, 3)
    assert sequencer.blocking_gap is not None and (
        sequencer.blocking_gap.filled,
        sequencer.blocking_gap.progress_id,
    ) == (2, 4)
