"""Ids that begin again, and what only looks like it."""

from whale_platform.domain.epochs import EPOCH, epoch_of, exchange_id
from whale_platform.domain.trade import Trade
from whale_platform.ingest.sequencing.gap import SequenceGap
from whale_platform.ingest.sequencing.sequencer import Sequencer
from whale_platform_tests.ingest.builders import trade
from whale_platform_tests.ingest.sequencing.sequences import feed, ids, restarted, wanted


def anew(sequencer: Sequencer, ended: int) -> list[Trade]:
    """Ids begin again at 50 once `ended` was published; what the new ones are, of which history has 50 to 55."""
    feed(sequencer, *range(ended - 3, ended + 1))
    new = [trade(n, price="77")._replace(event_time=trade(ended + n).event_time + 10_000_000) for n in range(50, 60)]
    sequencer.start_epoch(new[0], 55, 9)
    moved = [one._replace(trade_id=EPOCH + one.trade_id) for one in new]
    assert ids(sequencer.fill(wanted(sequencer), {one.trade_id: one for one in moved[:6]}, 9)) == ids(moved[:6])
    sequencer.record.events.clear()
    return moved


def test_ids_that_begin_again_go_on_in_a_new_epoch() -> None:
    """They were dropped as duplicates: the symbol was silent for good, and nothing said so."""
    sequencer = Sequencer(3_000_000_000)
    feed(sequencer, 3_000_000_000, 3_000_000_001)
    new = [restarted(number, 3_000_000_001) for number in range(1, 6)]
    for one in new:
        assert sequencer.add_live(one) == ()
    assert (sequencer.record.duplicates, sequencer.needs_history()) == (0, True)
    assert sequencer.may_have_restarted(new[-1], None)
    assert sequencer.start_epoch(new[0], 5, 9) == []
    jump, blocking_gap = (event for event in sequencer.record.events if isinstance(event, SequenceGap))
    assert (jump.first_id, jump.last_id, jump.cause, jump.state) == (3_000_000_002, EPOCH, "epoch", "exchange_gap")
    id_range = wanted(sequencer)
    assert (id_range.first_id, id_range.last_id, blocking_gap.cause) == (EPOCH + 1, EPOCH + 5, "epoch")
    found = {EPOCH + one.trade_id: one._replace(trade_id=EPOCH + one.trade_id) for one in new}
    out = sequencer.fill(id_range, found, 9)
    assert [(epoch_of(one.trade_id), exchange_id(one.trade_id)) for one in out] == [(1, n) for n in range(1, 6)]
    assert ids(sequencer.add_live(restarted(6, 3_000_000_001)._replace(trade_id=EPOCH + 6))) == [EPOCH + 6]


def test_a_newest_trade_of_history_that_is_lower_and_later_shows_a_restart_alone() -> None:
    """The last trade before it waits behind a gap that nobody can fill any more, and few new ones may have come."""
    sequencer = Sequencer(5_000)
    feed(sequencer, 5_000, 5_001, 5_009)
    assert sequencer.may_have_restarted(restarted(2, 5_001), None)
    assert not sequencer.may_have_restarted(trade(4_990), None), "a history that lags"
    assert sequencer.start_epoch(restarted(1, 5_001), 2, 9) == []
    assert (sequencer.record.unproven, sequencer.next_id) == (1, EPOCH + 1)


def test_low_ids_are_no_new_epoch_while_history_goes_on_above() -> None:
    sequencer = Sequencer(5_000)
    feed(sequencer, 5_000, 5_001)
    for number in range(1, 4):
        sequencer.add_live(restarted(number, 5_001))
    newest, same = trade(5_002), trade(5_001)
    assert not sequencer.may_have_restarted(newest, same)
    assert sequencer.judge(newest, None, 1) == () and sequencer.needs_history(), (
        "history said nothing of the id at hand"
    )
    sequencer.judge(newest, same, 1)
    assert (sequencer.record.unproven, sequencer.needs_history()) == (3, False)
    assert feed(sequencer, 5_002) == [5_002]


def test_a_trade_of_the_ended_ids_that_was_not_published_keeps_its_id() -> None:
    """One line was behind: its trades stood as a hole among the new ids, which history filled with others."""
    sequencer = Sequencer(997, newest_time=trade(996).event_time)
    new = anew(sequencer, 1000)
    assert ids(sequencer.add_live(trade(1001)._replace(trade_id=EPOCH + 1001))) == [1001]
    assert (sequencer.blocking_gap, sequencer.unconfirmed.held) == (None, {})
    assert sequencer.add_live(trade(999)._replace(trade_id=EPOCH + 999)) == () and sequencer.record.duplicates == 1
    assert sequencer.add_live(trade(1002)._replace(trade_id=EPOCH + 5_000_000)) == () and sequencer.record.unproven == 1
    assert sequencer.add_live(trade(999)._replace(trade_id=EPOCH + 1002)) == () and sequencer.record.unproven == 2
    assert ids(sequencer.add_live(new[6])) == [EPOCH + 56]


def test_a_garbled_id_below_the_first_of_the_new_ones_is_told_by_its_time() -> None:
    sequencer = Sequencer(997, newest_time=trade(996).event_time)
    new = anew(sequencer, 1000)
    assert sequencer.add_live(new[3]._replace(trade_id=EPOCH + 7)) == () and sequencer.record.unproven == 1
    earlier = new[0]._replace(trade_id=EPOCH + 49, event_time=new[0].event_time - 1)
    assert ids(sequencer.add_live(earlier)) == [EPOCH + 49], "history lacked it"


def test_an_epoch_takes_more_than_a_trade_published_under_a_wrong_id() -> None:
    sequencer = Sequencer(1)
    feed(sequencer, 1, 2)
    assert sequencer.check_continuation(trade(2)) and sequencer.check_continuation(None) is None
    assert sequencer.check_continuation(trade(2)._replace(price=trade(2).price + 1)) is False
    later = [one._replace(event_time=one.event_time + 10_000_000) for one in map(trade, range(3))]
    for one in (later[0], later[1]._replace(price=later[0].price), later[2]._replace(price=later[0].price)):
        sequencer.add_live(one)
    assert not sequencer.may_have_restarted(trade(9)._replace(event_time=trade(99_999).event_time), trade(2))
