"""The sequencer, case by case."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from whale_platform.domain.epochs import EPOCH, epoch_of, exchange_id
from whale_platform.domain.trade import Trade
from whale_platform.ingest.sequencing.backfill_range import BACKFILL_IDS, BackfillRange
from whale_platform.ingest.sequencing.gap import SequenceGap
from whale_platform.ingest.sequencing.gap_tracker import INLINE_MAX, PENDING_MAX
from whale_platform.ingest.sequencing.sequence_record import TradeConflict
from whale_platform.ingest.sequencing.sequencer import Sequencer
from whale_platform_tests.ingest.builders import trade


def feed(sequencer: Sequencer, *numbers: int) -> list[int]:
    return [out.trade_id for number in numbers for out in sequencer.live(trade(number))]


def restarted(number: int, after: int) -> Trade:
    """Trade `number` of ids that began again once `after` was published."""
    return replace(trade(number, price="77"), event_time=trade(after + number).event_time)


def ids(trades: Sequence[Trade]) -> list[int]:
    return [one.trade_id for one in trades]


def history(chunk: BackfillRange, *absent: int) -> dict[int, Trade | None]:
    return {n: trade(n, source="repair") for n in range(chunk.first_id, chunk.last_id + 1) if n not in absent}


def wanted(sequencer: Sequencer) -> BackfillRange:
    chunk = sequencer.wanted()
    assert chunk is not None
    return chunk


def test_in_order_trades_go_on_at_once() -> None:
    sequencer = Sequencer()
    assert feed(sequencer, 7, 8, 9) == [7, 8, 9]
    assert (sequencer.next_id, sequencer.record.events, sequencer.wanted()) == (10, [], None)


def test_copies_and_old_trades_are_dropped_and_counted() -> None:
    sequencer = Sequencer(next_id=5)
    assert feed(sequencer, 5, 5, 4, 6, 5) == [5, 6]
    assert sequencer.record.duplicates == 3


def test_the_last_trade_of_a_new_symbol_is_the_baseline_and_not_published() -> None:
    sequencer = Sequencer()
    assert sequencer.last_trade(trade(41)) == ()
    assert feed(sequencer, 43) == [], "42 is missing"
    assert feed(sequencer, 42) == [42, 43]
    assert feed(sequencer, 41) == [] and sequencer.record.duplicates == 1


def test_a_quarantined_first_trade_is_no_baseline() -> None:
    sequencer = Sequencer()
    assert sequencer.skip(7_000_000, 1) == ()
    assert feed(sequencer, 12, 13) == [12, 13]


def test_the_last_trade_after_a_restart_shows_the_hole_and_goes_on_itself() -> None:
    sequencer = Sequencer(next_id=10)
    assert sequencer.last_trade(trade(12)) == []
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
    assert sequencer.hole is None


def test_ids_absent_from_history_are_recorded_and_passed() -> None:
    sequencer = Sequencer(next_id=1)
    feed(sequencer, 6)
    assert ids(sequencer.fill(wanted(sequencer), history(wanted(sequencer), 2, 3, 5), 9)) == [1, 4, 6]
    gap = sequencer.record.events[-1]
    assert isinstance(gap, SequenceGap)
    assert (gap.state, gap.filled, gap.closed_time) == ("exchange_gap", 2, 9)
    assert gap.detail() == "not in the exchange's history: 2-3, 5"


def test_a_long_hole_goes_to_the_background_once_the_next_trade_confirms_it() -> None:
    sequencer = Sequencer(next_id=1)
    far = INLINE_MAX + 100
    assert feed(sequencer, far) == []
    assert feed(sequencer, far + 1) == [far, far + 1]
    assert feed(sequencer, far + 2) == [far + 2]
    filled: list[int] = []
    while (chunk := sequencer.wanted()) is not None:
        assert chunk.mode == "background" and chunk.last_id - chunk.first_id < BACKFILL_IDS
        filled += ids(sequencer.fill(chunk, history(chunk), 1))
    assert filled == list(range(1, far))
    told = [gap for gap in sequencer.record.events if isinstance(gap, SequenceGap)]
    assert (told[-1].state, told[-1].filled) == ("repaired", far - 1)


def test_one_garbled_id_does_not_poison_the_symbol() -> None:
    sequencer = Sequencer(next_id=1)
    assert feed(sequencer, 1, 10**15, 2, 3) == [1, 2, 3]
    assert [type(event) for event in sequencer.record.events] == [TradeConflict]
    assert sequencer.wanted() is None


def test_a_far_id_that_comes_twice_is_believed() -> None:
    sequencer = Sequencer(next_id=1)
    far = INLINE_MAX + 100
    assert feed(sequencer, far, far) == [far]
    assert wanted(sequencer).mode == "background"


def test_too_much_held_back_sends_the_hole_to_the_background() -> None:
    sequencer = Sequencer(next_id=1)
    out = feed(sequencer, *range(2, PENDING_MAX + 3))
    assert out == list(range(2, PENDING_MAX + 3))
    assert wanted(sequencer) == BackfillRange(1, 1, "background")


def test_the_callers_deadline_sends_only_the_missing_ids_to_the_background() -> None:
    sequencer = Sequencer(next_id=1)
    feed(sequencer, 10, 5)
    assert ids(sequencer.to_background(1)) == [5]
    assert [(gap.first_id, gap.last_id) for gap in sequencer.background.gaps] == [(1, 4)]
    assert sequencer.hole is not None and (sequencer.hole.first_id, sequencer.hole.last_id) == (6, 9)
    assert sequencer.to_background(1) == (), "nothing speaks for it"
    assert feed(sequencer, 11) == []
    assert ids(sequencer.to_background(1)) == [10, 11]
    assert feed(sequencer, 12) == [12]


def test_a_chunk_asked_for_inline_still_fits_after_the_hole_went_to_the_background() -> None:
    sequencer = Sequencer(next_id=1)
    feed(sequencer, 4, 5)
    chunk = wanted(sequencer)
    assert ids(sequencer.to_background(1)) == [4, 5]
    assert ids(sequencer.fill(chunk, history(chunk), 1)) == [1, 2, 3]
    assert sequencer.fill(chunk, history(chunk), 1) == ()
    assert sequencer.background.gaps == []


def test_one_id_with_two_prices_is_a_conflict_and_of_two_that_wait_history_tells() -> None:
    sequencer = Sequencer(next_id=1)
    feed(sequencer, 1, 3)
    assert sequencer.live(trade(1, price="5")) == ()
    assert sequencer.live(trade(3, price="5")) == []
    conflicts = [event for event in sequencer.record.events if isinstance(event, TradeConflict)]
    assert [one.trade.trade_id for one in conflicts] == [1, 3]
    assert feed(sequencer, 2, 4) == [2]
    found = history(BackfillRange(3, 4, "inline"))
    around = {number: one for number, one in found.items() if one is not None}
    assert ids(sequencer.fill(wanted(sequencer), found, 1, around=around)) == [3, 4]


def test_a_quarantined_id_is_no_hole() -> None:
    sequencer = Sequencer(next_id=1)
    sequencer.skip(1, 7)
    sequencer.skip(2, 8)
    assert feed(sequencer, 3) == [3]
    assert sequencer.hole is None
    assert [(gap.first_id, gap.last_id, gap.state) for gap in sequencer.quarantined.rows] == [(1, 2, "unrepaired")]
    assert sequencer.quarantined.rows[0].kept == [(1, 2)]


def test_a_quarantined_id_of_history_closes_the_gap_as_unrepaired() -> None:
    sequencer = Sequencer(next_id=1)
    feed(sequencer, 4)
    chunk = wanted(sequencer)
    assert ids(sequencer.fill(chunk, {**history(chunk), 2: None}, 1)) == [1, 3, 4]
    gap = sequencer.record.events[-1]
    assert isinstance(gap, SequenceGap) and (gap.state, gap.kept) == ("unrepaired", [(2, 2)])


def test_a_quarantined_id_of_history_leaves_a_background_gap_unrepaired() -> None:
    sequencer = Sequencer(next_id=1)
    feed(sequencer, 4, 5)
    assert ids(sequencer.to_background(1)) == [4, 5]
    chunk = wanted(sequencer)
    assert ids(sequencer.fill(chunk, {**history(chunk, 3), 2: None}, 9)) == [1]
    gap = sequencer.record.events[-1]
    assert isinstance(gap, SequenceGap)
    assert (gap.state, gap.kept, gap.absent, gap.closed_time) == ("unrepaired", [(2, 2)], [(3, 3)], 9)


def test_a_second_version_of_a_trade_that_waited_is_a_conflict_too() -> None:
    sequencer = Sequencer(next_id=1)
    feed(sequencer, 2, 1)
    sequencer.live(trade(2, price="7"))
    assert isinstance(sequencer.record.events[-1], TradeConflict)


def test_causes_follow_the_connections() -> None:
    sequencer = Sequencer(next_id=1)
    sequencer.connected()
    feed(sequencer, 2)
    feed(sequencer, 1, 3)
    sequencer.connected()
    feed(sequencer, 5, 4, 6, 8, 7)
    causes = [event.cause for event in sequencer.record.events if isinstance(event, SequenceGap)]
    assert list(dict.fromkeys(causes)) == ["restart", "reconnect", "stream"]


def test_ids_that_begin_again_go_on_in_a_new_epoch() -> None:
    """They were dropped as duplicates: the symbol was silent for good, and nothing said so."""
    sequencer = Sequencer(3_000_000_000)
    feed(sequencer, 3_000_000_000, 3_000_000_001)
    new = [restarted(number, 3_000_000_001) for number in range(1, 6)]
    for one in new:
        assert sequencer.live(one) == ()
    assert (sequencer.record.duplicates, sequencer.asks()) == (0, True)
    assert sequencer.may_begin_anew(new[-1], None)
    assert sequencer.begin_epoch(new[0], 5, 9) == []
    jump, hole = (event for event in sequencer.record.events if isinstance(event, SequenceGap))
    assert (jump.first_id, jump.last_id, jump.cause, jump.state) == (3_000_000_002, EPOCH, "epoch", "exchange_gap")
    chunk = wanted(sequencer)
    assert (chunk.first_id, chunk.last_id, hole.cause) == (EPOCH + 1, EPOCH + 5, "epoch")
    found = {EPOCH + one.trade_id: replace(one, trade_id=EPOCH + one.trade_id) for one in new}
    out = sequencer.fill(chunk, found, 9)
    assert [(epoch_of(one.trade_id), exchange_id(one.trade_id)) for one in out] == [(1, n) for n in range(1, 6)]
    assert ids(sequencer.live(replace(restarted(6, 3_000_000_001), trade_id=EPOCH + 6))) == [EPOCH + 6]


def test_low_ids_are_no_new_epoch_while_history_goes_on_above() -> None:
    sequencer = Sequencer(5_000)
    feed(sequencer, 5_000, 5_001)
    for number in range(1, 4):
        sequencer.live(restarted(number, 5_001))
    newest, same = trade(5_002), trade(5_001)
    assert not sequencer.may_begin_anew(newest, same)
    assert sequencer.judge(newest, None, 1) == () and sequencer.asks(), "history said nothing of the id at hand"
    sequencer.judge(newest, same, 1)
    assert (sequencer.record.unproven, sequencer.asks()) == (3, False)
    assert feed(sequencer, 5_002) == [5_002]


def test_a_garbled_first_id_is_no_baseline() -> None:
    sequencer = Sequencer()
    assert feed(sequencer, 5_000_000_000, 1_000, 1_001, 1_002) == [1_000, 1_001, 1_002]
    assert [type(event) for event in sequencer.record.events] == [TradeConflict]
    alone = Sequencer()
    assert feed(alone, 1_000) == []
    assert ids(alone.judge(trade(1_010), None, 1)) == [1_000]


def test_a_garbled_pair_far_ahead_is_not_believed_and_history_can_say_that_it_is_right() -> None:
    sequencer = Sequencer(1_000)
    far = [replace(trade(5_000_000_000 + n), event_time=trade(1_001).event_time) for n in range(2)]
    feed(sequencer, 1_000)
    assert [out for one in far for out in sequencer.live(one)] == []
    assert feed(sequencer, 1_001, 1_002, 1_003) == [1_001, 1_002, 1_003]
    assert (sequencer.record.unproven, sequencer.background.gaps) == (2, [])
    for one in far:
        sequencer.live(replace(one, event_time=trade(1_004).event_time))
    assert ids(sequencer.judge(trade(5_000_000_002), None, 1)) == ids(far)


def test_an_id_that_history_lacked_is_published_when_it_comes_and_its_row_corrected() -> None:
    sequencer = Sequencer(1)
    feed(sequencer, 1, 5)
    sequencer.fill(wanted(sequencer), history(wanted(sequencer), 3), 1)
    assert feed(sequencer, 3, 3) == [3]
    gap = sequencer.record.events[-1]
    assert isinstance(gap, SequenceGap) and (gap.state, gap.filled, gap.absent) == ("repaired", 3, [])
    assert sequencer.record.duplicates == 1, "the second copy is one"


def test_a_trade_of_a_background_gap_that_comes_live_is_published_and_divides_it() -> None:
    sequencer = Sequencer(1)
    feed(sequencer, 1, 9, 10)
    sequencer.to_background(1)
    assert feed(sequencer, 5, 2) == [5, 2]
    assert [(gap.progress_id, gap.last_id) for gap in sequencer.background.gaps] == [(3, 4), (6, 8)]
    while (chunk := sequencer.wanted()) is not None:
        sequencer.fill(chunk, history(chunk), 1)
    assert feed(sequencer, 3, 7) == [] and sequencer.record.duplicates == 2


def test_a_later_trade_with_an_id_of_a_hole_is_garbled() -> None:
    sequencer = Sequencer(1)
    feed(sequencer, 1, 5)
    assert sequencer.live(replace(trade(6), trade_id=3)) == []
    assert feed(sequencer, 2) == [2], "either may be the wrong one"
    around = {number: trade(number) for number in (2, 3, 4, 5)}
    assert ids(sequencer.fill(wanted(sequencer), history(wanted(sequencer)), 1, around=around)) == [3, 4, 5]
    assert sequencer.record.unproven == 1


def test_a_quarantined_id_that_comes_sane_leaves_nothing_behind() -> None:
    sequencer = Sequencer(1)
    feed(sequencer, 1, 3)
    sequencer.skip(4, 1)
    assert feed(sequencer, 4, 2, 7) == [2, 3, 4]
    assert wanted(sequencer) == BackfillRange(5, 6, "inline")


def test_what_is_given_up_is_unrepaired_and_the_rest_is_a_gap_of_its_own() -> None:
    sequencer = Sequencer(1)
    feed(sequencer, 1, 9, 10)
    sequencer.to_background(1)
    sequencer.background.give_up(wanted(sequencer), 5, "too old", 7)
    closed, rest = (event for event in sequencer.record.events[-2:] if isinstance(event, SequenceGap))
    assert (closed.last_id, closed.state, closed.beyond, closed.note) == (5, "unrepaired", [(2, 5)], "too old")
    assert (rest.first_id, rest.last_id, wanted(sequencer).first_id) == (6, 8, 6)


def anew(sequencer: Sequencer, ended: int) -> list[Trade]:
    """Ids begin again at 50 once `ended` was published; what the new ones are, of which history has 50 to 55."""
    feed(sequencer, *range(ended - 3, ended + 1))
    new = [replace(trade(n, price="77"), event_time=trade(ended + n).event_time + 10_000_000) for n in range(50, 60)]
    sequencer.begin_epoch(new[0], 55, 9)
    moved = [replace(one, trade_id=EPOCH + one.trade_id) for one in new]
    assert ids(sequencer.fill(wanted(sequencer), {one.trade_id: one for one in moved[:6]}, 9)) == ids(moved[:6])
    sequencer.record.events.clear()
    return moved


def test_a_trade_of_the_ended_ids_that_was_not_published_keeps_its_id() -> None:
    """One line was behind: its trades stood as a hole among the new ids, which history filled with others."""
    sequencer = Sequencer(997, newest_time=trade(996).event_time)
    new = anew(sequencer, 1000)
    assert ids(sequencer.live(replace(trade(1001), trade_id=EPOCH + 1001))) == [1001]
    assert (sequencer.hole, sequencer.doubts.held) == (None, {})
    assert sequencer.live(replace(trade(999), trade_id=EPOCH + 999)) == () and sequencer.record.duplicates == 1
    assert sequencer.live(replace(trade(1002), trade_id=EPOCH + 5_000_000)) == () and sequencer.record.unproven == 1
    assert sequencer.live(replace(trade(999), trade_id=EPOCH + 1002)) == () and sequencer.record.unproven == 2
    assert ids(sequencer.live(new[6])) == [EPOCH + 56]


def test_a_garbled_id_below_the_first_of_the_new_ones_is_told_by_its_time() -> None:
    sequencer = Sequencer(997, newest_time=trade(996).event_time)
    new = anew(sequencer, 1000)
    assert sequencer.live(replace(new[3], trade_id=EPOCH + 7)) == () and sequencer.record.unproven == 1
    earlier = replace(new[0], trade_id=EPOCH + 49, event_time=new[0].event_time - 1)
    assert ids(sequencer.live(earlier)) == [EPOCH + 49], "history lacked it"


def test_two_ids_garbled_alike_do_not_stand_against_a_true_first_one() -> None:
    sequencer = Sequencer()
    assert feed(sequencer, 1_000, 1_001_001, 1_001_002) == []
    assert ids(sequencer.judge(trade(1_003), None, 1)) == [1_000]
    assert sequencer.record.unproven == 2
    alone = Sequencer()
    assert feed(alone, 1_000, 1_001_001, 1_002, 1_003) == [1_000], "1,001 is missing"


def test_a_late_trade_of_a_background_gap_is_told_by_its_time() -> None:
    sequencer = Sequencer(1)
    feed(sequencer, 1, 9, 10)
    sequencer.to_background(1)
    assert sequencer.live(replace(trade(11), trade_id=5)) == ()
    assert feed(sequencer, 5) == [5]


def test_without_the_time_of_the_newest_trade_an_old_one_is_a_copy() -> None:
    sequencer = Sequencer(1_000)
    assert feed(sequencer, 997, 998, 999) == [] and not sequencer.asks()
    assert sequencer.record.duplicates == 3


def test_a_hole_that_is_half_filled_says_how_far() -> None:
    """Else a restart counts what was filled twice, and takes ids that are missing for repaired."""
    sequencer = Sequencer(1)
    feed(sequencer, 1, 6, 2, 3)
    assert sequencer.hole is not None and (sequencer.hole.filled, sequencer.hole.progress_id) == (2, 4)


def garbled(number: int, shown: int) -> Trade:
    """Trade `number` under the id `shown`."""
    return replace(trade(number), trade_id=shown)


@pytest.mark.parametrize("ahead", [2, 50, 9_000])
def test_an_id_garbled_ahead_is_refuted_by_what_comes_in_turn(ahead: int) -> None:
    """What came in turn was refused for 30 s, then the wrong one published, and what came later taken for an epoch."""
    sequencer = Sequencer(1)
    feed(sequencer, 1, 2)
    assert sequencer.live(garbled(2, 3 + ahead)) == (), "a copy of what is published"
    assert sequencer.live(garbled(3, 3 + ahead)) == []
    assert feed(sequencer, 3) == [3], "in turn is in turn"
    assert feed(sequencer, *range(4, 4 + ahead + 5)) == list(range(4, 4 + ahead + 5))
    assert (sequencer.record.unproven, sequencer.hole, sequencer.background.gaps) == (2, None, [])
    row = next(event for event in reversed(sequencer.record.events) if isinstance(event, SequenceGap))
    assert (row.state, row.unpublished()) == ("repaired", 0)


def test_an_id_garbled_ahead_is_refuted_by_what_waits_for_its_true_one() -> None:
    sequencer = Sequencer(1)
    feed(sequencer, 1, 2)
    assert sequencer.live(garbled(3, 53)) == []
    assert feed(sequencer, 4, 5) == [] and sequencer.record.unproven == 1
    assert wanted(sequencer) == BackfillRange(3, 4, "inline")
    assert ids(sequencer.fill(wanted(sequencer), history(wanted(sequencer)), 1)) == [3, 4, 5]
    assert (sequencer.hole, sequencer.record.duplicates) == (None, 0)


def test_history_refutes_a_trade_that_it_has_under_another_id() -> None:
    sequencer = Sequencer(1)
    feed(sequencer, 1, 2)
    sequencer.live(garbled(3, 53))
    chunk = wanted(sequencer)
    assert ids(sequencer.fill(chunk, {3: trade(3)}, 1, around={2: trade(2), 3: trade(3)}, surely=True)) == [3]
    assert (sequencer.record.unproven, sequencer.hole) == (1, None)
    assert feed(sequencer, 4) == [4]


def test_one_trade_alone_behind_a_hole_is_not_let_go_without_history() -> None:
    sequencer = Sequencer(1)
    feed(sequencer, 1, 2)
    sequencer.live(garbled(3, 53))
    assert sequencer.to_background(1) == ()
    assert feed(sequencer, 3, 4, 5) == [3, 4, 5] and sequencer.hole is None
    told = Sequencer(1)
    feed(told, 1, 2)
    assert told.last_trade(trade(53), surely=True) == []
    assert ids(told.to_background(1)) == [53], "history has it under that id"


def test_an_epoch_takes_more_than_a_trade_published_under_a_wrong_id() -> None:
    sequencer = Sequencer(1)
    feed(sequencer, 1, 2)
    assert sequencer.continues(trade(2)) and sequencer.continues(None) is None
    assert sequencer.continues(replace(trade(2), price=trade(2).price + 1)) is False
    later = [replace(one, event_time=one.event_time + 10_000_000) for one in map(trade, range(3))]
    for one in (later[0], replace(later[1], price=later[0].price), replace(later[2], price=later[0].price)):
        sequencer.live(one)
    assert not sequencer.may_begin_anew(replace(trade(9), event_time=trade(99_999).event_time), trade(2))


def test_a_quarantined_copy_does_not_kill_the_sane_one() -> None:
    """It was passed, and the sane one, later than all that was published, had no place."""
    sequencer = Sequencer(1)
    feed(sequencer, 1, 2)
    sequencer.skip(3, 7)
    sequencer.skip(4, 8)
    assert feed(sequencer, 3, 4, 5) == [3, 4, 5]
    assert (sequencer.record.unproven, sequencer.record.duplicates, sequencer.doubts.held) == (0, 0, {})
    row = sequencer.quarantined.rows[-1]
    assert (row.first_id, row.last_id, row.state, row.kept) == (3, 4, "repaired", [])
    sequencer.skip(6, 9)
    assert feed(sequencer, 7) == [7] and feed(sequencer, 6) == [6]
    sequencer.skip(8, 9)
    assert feed(sequencer, 8) == [8]
    sequencer.skip(9, 9)
    assert (sequencer.quarantined.rows[-1].last_id, sequencer.quarantined.rows[-1].state) == (9, "unrepaired")


def test_behind_a_hole_a_trade_costs_no_look_at_all_that_waits() -> None:
    """It was searched through, and what has no place sorted, at every trade."""
    sequencer, looked = Sequencer(1), 0

    class Counted(list[int]):
        def __getitem__(self, place: Any) -> Any:
            nonlocal looked
            looked += 1
            return super().__getitem__(place)

        def __iter__(self) -> Any:
            raise AssertionError("all are looked at")

    sequencer._pending._ids = Counted()
    sequencer.doubts._ids = Counted()
    feed(sequencer, 1, *range(3, 2_003))
    assert len(sequencer._pending) == 2_000 and looked < 2_000 * 100
    feed(sequencer, *range(100, 1_100))
    assert sequencer.record.duplicates == 1_000 and looked < 3_000 * 100
    low, looked = Sequencer(1_000_000), 0
    feed(low, 1_000_000)
    low.doubts._ids = Counted()
    for number in range(1, 2_001):
        low.live(restarted(number, 1_000_000))
        assert low.asks() == (number >= 3)
    assert len(low.doubts.held) == 2_000 and looked < 2_000 * 100
