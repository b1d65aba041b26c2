"""Trades without a proven position, among them garbled ids: what proves and what refutes them."""

from typing import Any

import pytest

from whale_platform.ingest.sequencing.backfill_range import BackfillRange
from whale_platform.ingest.sequencing.gap import SequenceGap
from whale_platform.ingest.sequencing.gap_tracker import INLINE_MAX
from whale_platform.ingest.sequencing.sequence_record import TradeConflict
from whale_platform.ingest.sequencing.sequencer import Sequencer
from whale_platform.ingest.sequencing.unconfirmed_trades import CLOSE_IDS, UNANSWERED_TRADES
from whale_platform_tests.ingest.builders import trade
from whale_platform_tests.ingest.sequencing.sequences import feed, garbled, history, ids, restarted, wanted


def test_one_garbled_id_does_not_poison_the_symbol() -> None:
    sequencer = Sequencer(next_id=1)
    assert feed(sequencer, 1, 10**15, 2, 3) == [1, 2, 3]
    assert [type(event) for event in sequencer.record.events] == [TradeConflict]
    assert sequencer.find_wanted() is None


def test_a_far_id_that_comes_twice_is_believed() -> None:
    sequencer = Sequencer(next_id=1)
    far = INLINE_MAX + 100
    assert feed(sequencer, far, far) == [far]
    assert wanted(sequencer).mode == "background"


def test_a_garbled_first_id_is_no_baseline() -> None:
    sequencer = Sequencer()
    assert feed(sequencer, 5_000_000_000, 1_000, 1_001, 1_002) == [1_000, 1_001, 1_002]
    assert [type(event) for event in sequencer.record.events] == [TradeConflict]
    alone = Sequencer()
    assert feed(alone, 1_000) == []
    assert alone.judge(trade(1_010), None, 1) == () and alone.find_first_ids(trade(1_010)) == (1_000, 1_000)
    assert ids(alone.judge(trade(1_010), None, 1, {1_000: trade(1_000)})) == [1_000]


def test_the_lowest_first_trade_may_be_garbled_unless_the_next_id_is_beside_it() -> None:
    """Three near each other began a symbol, the lowest of them with an id that history had under another one."""
    sequencer = Sequencer()
    assert sequencer.add_live(garbled(1_000, 1_001)) == ()
    assert sequencer.judge(trade(1_005), None, 1, {1_001: trade(1_001)}) == (), "not the trade of that id"
    assert feed(sequencer, 1_004, 1_005, 1_005, 1_006) == [], "1,004 may be 1,002 or 1,003"
    known = {number: trade(number) for number in range(1_000, 1_007)}
    assert ids(sequencer.judge(trade(1_006), None, 1, known)) == [1_004, 1_005, 1_006]
    assert sequencer.record.unproven == 1


def test_behind_a_hole_a_first_trade_may_be_garbled_although_the_next_id_is_beside_it() -> None:
    """1,001 was shown as 1,003, which the exchange had left out, and began the symbol: 1,000 was forgotten for it."""
    sequencer = Sequencer()
    assert feed(sequencer, 1_000) == [] and sequencer.add_live(garbled(1_001, 1_003)) == ()
    assert feed(sequencer, 1_004, 1_005, 1_006) == []
    known = {number: trade(number) for number in (1_000, 1_001, 1_004, 1_005, 1_006)}
    assert ids(sequencer.judge(trade(1_006), None, 1, known)) == [1_000]
    assert wanted(sequencer) == BackfillRange(1_001, 1_003, "inline")
    assert ids(sequencer.fill(wanted(sequencer), {1_001: trade(1_001)}, 1)) == [1_001, 1_004, 1_005, 1_006]
    assert sequencer.record.unproven == 1


@pytest.mark.parametrize("hole", [3, 150, 100_000])
def test_without_history_a_symbol_begins_with_the_first_trade_that_follows_another(hole: int) -> None:
    sequencer, first = Sequencer(), 1_000 + hole
    feed(sequencer, 1_000)
    sequencer.add_live(garbled(1_001, first))
    waiting = UNANSWERED_TRADES - 1 - (hole < CLOSE_IDS)  # what is beside them counts too
    assert feed(sequencer, *range(first + 1, first + waiting)) == []
    begun = feed(sequencer, first + waiting, first + waiting + 1)
    assert begun == [*range(first + 1, first + waiting + 2)]
    assert sequencer.record.unproven == 2


def test_no_symbol_begins_with_one_of_two_trades_of_one_id() -> None:
    sequencer = Sequencer()
    sequencer.add_live(garbled(1_000, 1_001))
    assert feed(sequencer, 1_001, 1_002, 1_003, 1_004) == [], "either may be the trade of 1,001"
    known = {number: trade(number) for number in range(1_000, 1_005)}
    assert ids(sequencer.judge(trade(1_004), None, 1, known)) == [1_002, 1_003, 1_004]
    assert sequencer.record.unproven == 2


def test_a_garbled_pair_far_ahead_is_not_believed_and_history_can_say_that_it_is_right() -> None:
    sequencer = Sequencer(1_000)
    far = [trade(5_000_000_000 + n)._replace(event_time=trade(1_001).event_time) for n in range(2)]
    feed(sequencer, 1_000)
    assert [out for one in far for out in sequencer.add_live(one)] == []
    assert feed(sequencer, 1_001, 1_002, 1_003) == [1_001, 1_002, 1_003]
    assert (sequencer.record.unproven, sequencer.background.gaps) == (2, [])
    for one in far:
        sequencer.add_live(one._replace(event_time=trade(1_004).event_time))
    assert ids(sequencer.judge(trade(5_000_000_002), None, 1)) == ids(far)


def test_a_later_trade_with_an_id_of_a_hole_is_garbled() -> None:
    sequencer = Sequencer(1)
    feed(sequencer, 1, 5)
    assert sequencer.add_live(trade(6)._replace(trade_id=3)) == []
    assert feed(sequencer, 2) == [2], "either may be the wrong one"
    around = {number: trade(number) for number in (2, 3, 4, 5)}
    assert ids(sequencer.fill(wanted(sequencer), history(wanted(sequencer)), 1, around=around)) == [3, 4, 5]
    assert sequencer.record.unproven == 1


def test_two_ids_garbled_alike_do_not_stand_against_a_true_first_one() -> None:
    sequencer = Sequencer()
    assert feed(sequencer, 1_000, 1_001_001, 1_001_002) == []
    assert ids(sequencer.judge(trade(1_003), None, 1, {1_000: trade(1_000)})) == [1_000]
    assert sequencer.record.unproven == 2
    alone = Sequencer()
    assert feed(alone, 1_000, 1_001_001, 1_002, 1_003, 1_004) == [], "1,001 is missing"
    known = {number: trade(number) for number in range(1_000, 1_005)}
    assert ids(alone.judge(trade(1_004), None, 1, known)) == [1_000], "and is fetched before the others"


@pytest.mark.parametrize("ahead", [2, 50, 9_000])
def test_an_id_garbled_ahead_is_refuted_by_what_comes_in_turn(ahead: int) -> None:
    """What came in turn was refused for 30 s, then the wrong one published, and what came later taken for an epoch."""
    sequencer = Sequencer(1)
    feed(sequencer, 1, 2)
    assert sequencer.add_live(garbled(2, 3 + ahead)) == (), "a copy of what is published"
    assert sequencer.add_live(garbled(3, 3 + ahead)) == []
    assert feed(sequencer, 3) == [3], "in turn is in turn"
    assert feed(sequencer, *range(4, 4 + ahead + 5)) == list(range(4, 4 + ahead + 5))
    assert (sequencer.record.unproven, sequencer.blocking_gap, sequencer.background.gaps) == (2, None, [])
    row = next(event for event in reversed(sequencer.record.events) if isinstance(event, SequenceGap))
    assert (row.state, row.count_unpublished()) == ("repaired", 0)


def test_an_id_garbled_ahead_is_refuted_by_what_waits_for_its_true_one() -> None:
    sequencer = Sequencer(1)
    feed(sequencer, 1, 2)
    assert sequencer.add_live(garbled(3, 53)) == []
    assert feed(sequencer, 4, 5) == [] and sequencer.record.unproven == 1
    assert wanted(sequencer) == BackfillRange(3, 4, "inline")
    assert ids(sequencer.fill(wanted(sequencer), history(wanted(sequencer)), 1)) == [3, 4, 5]
    assert (sequencer.blocking_gap, sequencer.record.duplicates) == (None, 0)


def test_history_refutes_a_trade_that_it_has_under_another_id() -> None:
    sequencer = Sequencer(1)
    feed(sequencer, 1, 2)
    sequencer.add_live(garbled(3, 53))
    id_range = wanted(sequencer)
    assert ids(sequencer.fill(id_range, {3: trade(3)}, 1, around={2: trade(2), 3: trade(3)}, surely=True)) == [3]
    assert (sequencer.record.unproven, sequencer.blocking_gap) == (1, None)
    assert feed(sequencer, 4) == [4]


def test_one_trade_alone_behind_a_hole_is_not_let_go_without_history() -> None:
    sequencer = Sequencer(1)
    feed(sequencer, 1, 2)
    sequencer.add_live(garbled(3, 53))
    assert sequencer.move_to_background(1) == ()
    assert feed(sequencer, 3, 4, 5) == [3, 4, 5] and sequencer.blocking_gap is None
    told = Sequencer(1)
    feed(told, 1, 2)
    assert told.add_last_trade(trade(53), surely=True) == []
    assert ids(told.move_to_background(1)) == [53], "history has it under that id"


def test_behind_a_hole_a_trade_costs_no_look_at_all_that_waits() -> None:
    """It was searched through, and what has no place sorted, at every trade."""
    sequencer, looked = Sequencer(1), 0

    class Counted(list[int]):
        def __getitem__(self, index: Any) -> Any:
            nonlocal looked
            looked += 1
            return super().__getitem__(index)

        def __iter__(self) -> Any:
            raise AssertionError("all are looked at")

    sequencer._pending._ids = Counted()
    sequencer.unconfirmed._ids = Counted()
    feed(sequencer, 1, *range(3, 2_003))
    assert len(sequencer._pending) == 2_000 and looked < 2_000 * 100
    feed(sequencer, *range(100, 1_100))
    assert sequencer.record.duplicates == 1_000 and looked < 3_000 * 100
    low, looked = Sequencer(1_000_000), 0
    feed(low, 1_000_000)
    low.unconfirmed._ids = Counted()
    for number in range(1, 2_001):
        low.add_live(restarted(number, 1_000_000))
        assert low.needs_history() == (number >= 3)
    assert len(low.unconfirmed.held) == 2_000 and looked < 2_000 * 100
