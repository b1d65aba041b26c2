"""Trades without contiguous ids: each once, across connections and restarts, and a loss is on record."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale_platform.contracts.raw_trade import encode_trade
from whale_platform.domain.trade import Trade
from whale_platform.ingest.recovery.positions_file import Positions, SymbolPosition, load_positions, save_positions
from whale_platform.ingest.recovery.resume_points import ResumePoint, find_resume_point
from whale_platform.ingest.recovery.startup_scan import build_tail
from whale_platform.ingest.recovery.topic_tail import SymbolTail
from whale_platform.ingest.sequencing import sparse_sequencer
from whale_platform.ingest.sequencing.gap import SequenceGap, encode_gap
from whale_platform.ingest.sequencing.sequence_record import TradeConflict
from whale_platform.ingest.sequencing.sparse_sequencer import SparseSequencer

T0 = 1_723_161_255_000_000
IDS = (900, 17, 4_000_000, 3, 2**50, 55)  # in the order of their times


def trade(index: int, trade_id: int | None = None, time: int | None = None) -> Trade:
    number = IDS[index % len(IDS)] if trade_id is None else trade_id
    at = T0 + index * 1_000_000 if time is None else time
    return Trade(
        *("x", "BTC", "BTC", "USD", number, Decimal(100), Decimal(index + 1), "buy", at, at + 5),
        dense=False,
    )


def ids(trades: object) -> list[int]:
    assert isinstance(trades, list | tuple)
    return [one.trade_id for one in trades]


def losses(sequencer: SparseSequencer) -> list[tuple[int, int, str, str]]:
    gaps = [event for event in sequencer.record.take_events() if isinstance(event, SequenceGap)]
    return [(gap.first_id, gap.last_id, gap.state, gap.cause) for gap in gaps]


def test_every_trade_is_published_once_whatever_its_id() -> None:
    sequencer = SparseSequencer()
    assert [ids(sequencer.add_live(trade(index))) for index in range(6)] == [[one] for one in IDS]
    assert [sequencer.add_live(trade(index)) for index in range(6)] == [()] * 6
    assert sequencer.record.duplicates == 6 and sequencer.record.take_events() == []
    assert sequencer.newest_time == trade(5).event_time


def test_another_trade_of_a_known_id_is_a_conflict() -> None:
    sequencer = SparseSequencer()
    sequencer.add_live(trade(0))
    assert sequencer.add_live(trade(1, IDS[0])) == ()
    (event,) = sequencer.record.take_events()
    assert isinstance(event, TradeConflict) and event.reason == "its id came with 1 at 100 before"


def test_a_connection_that_goes_on_from_what_was_published_has_missed_nothing() -> None:
    sequencer = SparseSequencer()
    for index in range(3):
        sequencer.add_live(trade(index))
    sequencer.record_connection()
    assert sequencer.unjoined
    assert [one for index in range(1, 5) for one in ids(sequencer.add_last_trade(trade(index)))] == [IDS[3], IDS[4]]
    assert losses(sequencer) == [] and not sequencer.unjoined


@pytest.mark.parametrize("by_history", [False, True])
def test_a_connection_that_begins_later_puts_a_possible_loss_on_record(by_history: bool) -> None:
    sequencer = SparseSequencer()
    sequencer.add_live(trade(0))
    sequencer.record_connection()
    sequencer.add_live(trade(5))
    if by_history:
        assert ids(sequencer.add_history([trade(4), trade(5), trade(3)], False, T0)) == [IDS[3], IDS[4]]
    else:
        assert [ids(sequencer.add_last_trade(trade(index))) for index in (3, 4, 5)] == [[IDS[3]], [IDS[4]], []]
    (gap,) = (event for event in sequencer.record.take_events() if isinstance(event, SequenceGap))
    assert (gap.first_id, gap.last_id, gap.state, gap.cause, gap.filled) == (3, 3, "unrepaired", "reconnect", 1)
    assert gap.describe() == "trades of the 3.000 s before this one may be missing: the exchange shows none of then"
    assert encode_gap("x", "BTC", gap)
    assert not sequencer.unjoined


def test_where_a_connection_begins_with_trades_of_before_its_first_one_tells() -> None:
    sequencer = SparseSequencer(shown_first=True)
    sequencer.add_live(trade(0))
    sequencer.record_connection()
    assert [ids(sequencer.add_live(trade(index))) for index in (0, 1)] == [[], [IDS[1]]]
    assert losses(sequencer) == [] and not sequencer.unjoined
    sequencer.record_connection()
    sequencer.add_live(trade(4))
    assert losses(sequencer) == [(IDS[4], IDS[4], "unrepaired", "reconnect")]


def test_a_history_that_is_whole_shows_that_nothing_is_missing() -> None:
    sequencer = SparseSequencer()
    sequencer.add_live(trade(0))
    sequencer.record_connection()
    assert ids(sequencer.add_history([trade(2)], True, T0)) == [IDS[2]]
    assert losses(sequencer) == [] and not sequencer.unjoined


def test_what_is_older_than_all_that_is_remembered_is_refused_live_and_known_in_history(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sparse_sequencer, "REMEMBERED", 3)
    sequencer = SparseSequencer()
    for index in range(1, 6):
        sequencer.add_live(trade(index))
    assert sequencer.add_live(trade(1)) == ()
    (event,) = sequencer.record.take_events()
    assert isinstance(event, TradeConflict) and "older than the trades whose ids are remembered" in event.reason
    assert sequencer.add_history([trade(1), trade(0)], False, T0) == []
    assert sequencer.record.duplicates == 2


class CountedDict(dict[Any, Any]):
    """Counts how many of its items are listed."""

    listed = 0

    def items(self) -> Any:
        self.listed += len(self)
        return super().items()


def test_the_trades_to_save_are_listed_without_all_that_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparse_sequencer, "SAVED", 2)
    sequencer = SparseSequencer([(IDS[index], trade(index).event_time) for index in range(3)])
    known = sequencer._known = CountedDict(sequencer._known)
    before = sequencer.list_recent()
    assert [number for number, _ in before] == [IDS[1], IDS[2]] and sequencer.list_recent() is before
    sequencer.add_live(trade(3))
    assert [number for number, _ in sequencer.list_recent()] == [IDS[2], IDS[3]]
    assert (len(known), known.listed) == (4, 0)


def restart(tail: SymbolTail) -> SparseSequencer:
    begin = find_resume_point(tail, (), {}, T0)
    assert (begin.next_id, begin.gaps, begin.changed) == (None, [], [])
    return begin.build_sparse_sequencer(False)


@pytest.mark.parametrize("ours", [True, False], ids=["as the ingester writes", "as another producer may"])
def test_after_a_kill_the_topic_says_what_was_published(ours: bool) -> None:
    tail = SymbolTail()
    for index in range(4):
        message = encode_trade(trade(index))
        tail.add(IDS[index], message if ours else json.dumps(json.loads(message)).encode())
    sequencer = restart(tail)
    assert sequencer.unjoined and sequencer.newest_time == trade(3).event_time
    assert [one for index in range(6) for one in ids(sequencer.add_last_trade(trade(index)))] == [IDS[4], IDS[5]]
    assert losses(sequencer) == []


def test_the_positions_file_and_the_topic_after_it_say_what_was_published(tmp_path: Path) -> None:
    sequencer = SparseSequencer()
    for index in range(3):
        sequencer.add_live(trade(index))
    position = SymbolPosition(IDS[2], [], sequencer.newest_time, 0, sequencer.list_recent())
    path = tmp_path / "positions.json"
    save_positions(path, Positions("c", "t", {0: 5}, {"x:BTC": position, "x:ETH": SymbolPosition(7, [], 5)}))
    found = load_positions(path)
    assert found is not None and found.places["x:BTC"] == position and found.places["x:ETH"].recent is None
    tail = build_tail(found.places["x:BTC"])
    tail.add(IDS[3], encode_trade(trade(3)))
    again = restart(tail)
    assert [one for index in range(6) for one in ids(again.add_last_trade(trade(index)))] == [IDS[4], IDS[5]]


def test_where_only_a_time_is_known_what_is_not_later_counts_as_known() -> None:
    sequencer = ResumePoint(newest_time=trade(2).event_time).build_sparse_sequencer(False)
    assert [one for index in range(5) for one in ids(sequencer.add_last_trade(trade(index)))] == [IDS[3], IDS[4]]


@given(st.lists(st.tuples(st.integers(0, 2**53 - 1), st.integers(0, 50)), max_size=60), st.data())
def test_over_any_restarts_and_doubles_each_trade_is_published_once(
    rows: list[tuple[int, int]], data: st.DataObject
) -> None:
    trades = {number: trade(0, number, T0 + time) for number, time in rows}
    order = sorted(trades.values(), key=lambda one: one.event_time)
    sequencer, tail, published = SparseSequencer(), SymbolTail(), list[int]()
    for one in order:
        for again in range(data.draw(st.integers(1, 2))):
            for new in sequencer.add_last_trade(one) if again else sequencer.add_live(one):
                tail.add(new.trade_id, encode_trade(new))
                published.append(new.trade_id)
        if data.draw(st.integers(0, 9)) == 0:
            sequencer = find_resume_point(tail, (), {}, T0).build_sparse_sequencer(False)
    assert len(published) == len(set(published))
    missing = set(trades) - set(published)
    first_us = min((one.event_time for one in order), default=0)
    assert all(trades[number].event_time == first_us for number in missing), "only beside the first one's time"
