"""Where to go on, from what the topic, the positions file and the ledger say."""

import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from confluent_kafka import TopicPartition

from whale_platform.broker import topics
from whale_platform.broker.producer import TradeProducer
from whale_platform.broker.topic_offsets import TopicOffsets
from whale_platform.contracts.raw_trade import decode_trade, encode_key, encode_trade, peek_trade_id
from whale_platform.domain.epochs import EPOCH
from whale_platform.domain.names import RAW_TRADES
from whale_platform.ingest.errors import MixedSourcesError
from whale_platform.ingest.recovery import positions_file, startup_scan
from whale_platform.ingest.recovery.positions_file import Positions, SymbolPosition
from whale_platform.ingest.recovery.resume_points import ResumePoint, find_resume_point
from whale_platform.ingest.recovery.share import WHOLE_SHARE, Share
from whale_platform.ingest.recovery.topic_tail import SymbolTail
from whale_platform.ingest.sequencing.gap import SequenceGap, decode_gap, encode_gap
from whale_platform.ingest.sequencing.sequencer import Sequencer
from whale_platform_tests.ingest.builders import trade
from whale_platform_tests.support.kafka_server import KafkaServer


def tail(*numbers: int) -> SymbolTail:
    found = SymbolTail()
    for number in numbers:
        found.add(number)
    return found


def spans(begin: ResumePoint) -> list[tuple[int, int, int]]:
    return [(gap.first_id, gap.progress_id, gap.last_id) for gap in begin.gaps]


def ledger(*rows: SequenceGap) -> dict[int, SequenceGap]:
    return {row.first_id: row for row in rows}


def gap(first: int, last: int, **more: object) -> SequenceGap:
    return replace(SequenceGap(first, last, "stream", 1), **more)  # type: ignore[arg-type]


def test_a_symbol_never_seen_starts_anew() -> None:
    assert find_resume_point(SymbolTail(), (), {}, 5) == ResumePoint()


def test_a_topic_without_holes_goes_on_behind_its_last_id() -> None:
    begin = find_resume_point(tail(4, 5, 6), (), {}, 5)
    assert (begin.next_id, begin.gaps, begin.changed) == (7, [], [])


def test_a_hole_nobody_noted_is_a_gap_to_fill_and_put_on_record() -> None:
    begin = find_resume_point(tail(1, 5, 6), (), {}, 5)
    assert spans(begin) == [(2, 2, 4)]
    assert begin.changed == begin.gaps
    assert (begin.gaps[0].cause, begin.gaps[0].mode, begin.gaps[0].found_time) == ("restart", "background", 5)


def test_a_background_gap_goes_on_where_the_topic_shows_its_repair() -> None:
    row = gap(2, 9, mode="background", filled=2, progress_id=4)
    begin = find_resume_point(tail(1, 10, 2, 3, 4, 5), (), ledger(row), 5)
    assert spans(begin) == [(2, 6, 9)]
    assert begin.gaps[0].filled == 4


def test_ids_that_the_ledger_accounts_for_are_no_gap() -> None:
    rows = ledger(gap(2, 4, state="exchange_gap"), gap(5, 5, state="unrepaired"))
    assert spans(find_resume_point(tail(1, 8), (), rows, 5)) == [(6, 6, 7)]


def test_a_row_that_counts_trades_the_topic_never_got_is_open_again() -> None:
    """It is written first: a kill came between it and the seven trades that it says were filled in."""
    row = gap(2, 9, state="exchange_gap", mode="background", filled=7, absent=[(5, 5)], closed_time=4)
    begin = find_resume_point(tail(1, 10), (), ledger(row), 5)
    assert spans(begin) == [(2, 2, 9)]
    assert [(one.state, one.filled, one.absent, one.closed_time) for one in begin.changed] == [("open", 0, [], None)]
    begin = find_resume_point(tail(1, 10, 2, 3), (), ledger(row), 5)
    assert (spans(begin), begin.gaps[0].filled) == ([(2, 4, 9)], 2)
    assert spans(find_resume_point(tail(1, 10, 2, 3, 4, 6, 7, 8, 9), (), ledger(row), 5)) == [], (
        "all but the one it lacks"
    )
    noted = gap(2, 9, mode="background", filled=3, progress_id=6, absent=[(5, 5)])
    begin = find_resume_point(tail(1, 10, 2, 3, 4), [noted], ledger(row), 5)
    assert (begin.gaps[0].filled, begin.gaps[0].absent) == (3, [(5, 5)]), "the positions file knows what was looked for"


def test_an_open_row_that_counts_trades_the_topic_never_got_counts_what_it_has() -> None:
    """It counted two trades twice, and so was closed as repaired although history lacked two others."""
    row = gap(2, 9, mode="background", filled=3, progress_id=6, absent=[(5, 5)])
    begin = find_resume_point(tail(1, 10, 2), (), ledger(row), 5)
    assert (spans(begin), begin.gaps[0].filled, begin.gaps[0].absent) == ([(2, 3, 9)], 1, [])


@pytest.mark.parametrize("from_positions", [False, True])
def test_a_row_whose_late_trade_was_sent_before_a_kill_is_corrected(from_positions: bool) -> None:
    """Else a second copy of it would be taken for the trade that the row lacks, and published."""
    row = gap(3, 4, state="unrepaired", filled=1, kept=[(4, 4)], closed_time=7)
    found = SymbolTail(6, [], -1) if from_positions else tail(1, 2, 3, 5, 6)
    found.add(4)
    begin = find_resume_point(found, (), ledger(row), 9)
    assert [(one.state, one.filled, one.kept, one.closed_time) for one in begin.changed] == [("repaired", 2, [], 7)]
    assert (begin.gaps, begin.passed, row.kept) == ([], [], [(4, 4)])
    assert find_resume_point(SymbolTail(6, [], -1), (), ledger(row), 9).passed == [row]


def test_an_inline_row_that_the_topic_has_passed_is_repaired() -> None:
    begin = find_resume_point(tail(1, 2, 3, 4, 5), (), ledger(gap(2, 4)), 9)
    assert begin.gaps == []
    assert [(row.state, row.filled, row.closed_time) for row in begin.changed] == [("repaired", 3, 9)]


def test_an_inline_row_that_was_half_filled_ends_where_the_topic_does() -> None:
    begin = find_resume_point(tail(1, 2, 3), (), ledger(gap(2, 6)), 9)
    assert begin.next_id == 4
    assert [(row.first_id, row.last_id, row.state) for row in begin.changed] == [(2, 3, "repaired")]


def test_an_inline_row_ahead_of_the_topic_is_left_to_the_live_stream() -> None:
    begin = find_resume_point(tail(1), (), ledger(gap(2, 6)), 9)
    assert (begin.next_id, begin.gaps) == (2, [])
    assert begin.blocking_gap is not None and begin.changed == [begin.blocking_gap]
    assert (begin.blocking_gap.first_id, begin.blocking_gap.last_id, begin.blocking_gap.mode) == (2, 6, "inline")


def test_open_rows_behind_the_topics_end_are_one_hole() -> None:
    """A kill came between them and the trades between; a row that nobody looks for would stay open for good."""
    begin = find_resume_point(tail(1), (), ledger(gap(3, 6), gap(9, 9)), 9)
    assert begin.blocking_gap is not None and (begin.blocking_gap.first_id, begin.blocking_gap.last_id) == (2, 9)
    assert [(row.first_id, row.state) for row in begin.changed] == [(2, "open"), (3, "repaired"), (9, "repaired")]


def test_where_nothing_else_is_left_the_ledger_tells_how_far_the_symbol_was() -> None:
    assert (
        find_resume_point(
            SymbolTail(), (), ledger(gap(2, 4, state="exchange_gap"), gap(50, 59, state="repaired")), 9
        ).next_id
        == 60
    )
    assert find_resume_point(SymbolTail(), (), ledger(gap(50, 59)), 9).next_id == 50


def test_holes_of_an_epoch_that_has_ended_are_not_looked_for() -> None:
    begin = find_resume_point(tail(1, 5, EPOCH + 1, EPOCH + 4), (), {}, 9)
    assert spans(begin) == [(EPOCH + 2, EPOCH + 2, EPOCH + 3)]
    assert [(row.first_id, row.state) for row in begin.changed] == [
        (2, "unrepaired"),
        (6, "unrepaired"),
        (EPOCH + 2, "open"),
    ]
    jump = gap(6, EPOCH, cause="epoch", state="exchange_gap", absent=[(6, EPOCH)])
    assert (6, "unrepaired") not in {
        (row.first_id, row.state) for row in find_resume_point(tail(5, EPOCH + 1), (), ledger(jump), 9).changed
    }


def test_the_time_of_the_newest_trade_comes_from_its_message_or_the_file() -> None:
    found = SymbolTail(4, [], -1, time=7)
    assert find_resume_point(found, (), {}, 9).newest_time == 7
    found.add(5, encode_trade(trade(5)))
    assert find_resume_point(found, (), {}, 9).newest_time == trade(5).event_time


def test_a_file_of_another_topic_still_tells_the_ids() -> None:
    """A broker whose disk was made anew: the ids between would be neither fetched nor on record."""
    file = Positions("c", "gone", {0: 400}, {"binance:BTCUSDT": SymbolPosition(1000)}, "1/1")
    found = startup_scan._validate_positions(file, WHOLE_SHARE, False, {0: (0, 7)}, "c", "t", structlog.get_logger())
    assert found is not None and (found.offsets, found.places) == ({0: 0}, file.places)


def test_a_gap_older_than_the_topic_goes_on_from_the_ledger() -> None:
    row = gap(2, 9, mode="background", progress_id=5)
    assert spans(find_resume_point(tail(100, 101), (), ledger(row), 9)) == [(2, 5, 9)]


def test_a_closed_row_is_not_written_again_for_an_old_note() -> None:
    noted = gap(2, 4, mode="background", progress_id=2)
    known = SymbolTail(10, [(2, 4)], -1)
    for number in (11, 2, 3, 4):
        known.add(number)
    begin = find_resume_point(known, [noted], ledger(gap(2, 4, state="repaired", closed_time=3)), 9)
    assert (begin.gaps, begin.changed) == ([], [])


def test_ids_are_read_from_messages_also_from_strange_ones() -> None:
    assert peek_trade_id(encode_trade(trade(77))) == 77
    assert peek_trade_id(b'{"trade_id": 5, "v": 1}') == 5
    for junk in (b"", b"nonsense", b'{"trade_id":"x","v":1}', b"[]", b'{"v":1}'):
        assert peek_trade_id(junk) is None


def test_positions_come_back_as_they_were_saved_and_a_torn_file_as_none(tmp_path: Path) -> None:
    path = positions_file.positions_path(tmp_path)
    assert positions_file.load_positions(path) is None
    known = Positions("c", "t", {0: 5, 1: 7}, {"fake:AAA": SymbolPosition(9, [gap(2, 4, absent=[(3, 3)])], 7)})
    positions_file.save_positions(path, known)
    assert positions_file.load_positions(path) == known
    path.write_text(path.read_text()[:-20])
    assert positions_file.load_positions(path) is None


@pytest.mark.parametrize("lost", [{}, {"last_time": 0}])
def test_a_file_without_times_bounds_them_by_when_it_was_written(tmp_path: Path, lost: dict[str, int]) -> None:
    """One of an earlier version: copies of old trades are no ids that began anew, and ids that did are seen."""
    path = positions_file.positions_path(tmp_path)
    positions_file.save_positions(path, Positions("c", "t", {0: 5}, {"fake:AAA": SymbolPosition(1000, [], 7)}))
    row = json.loads(path.read_text())
    del row["places"]["fake:AAA"]["last_time"]
    row["places"]["fake:AAA"] |= lost
    path.write_text(json.dumps(row))
    written = trade(1000).event_time + 20_000_000
    os.utime(path, ns=(written * 1000, written * 1000))
    known = positions_file.load_positions(path)
    assert known is not None
    begin = find_resume_point(startup_scan.build_tail(known.places["fake:AAA"]), (), {}, written)
    assert (begin.next_id, begin.newest_time, begin.latest) == (1001, 0, written + positions_file.CLOCK_TOLERANCE_US)
    sequencer = begin.build_sequencer()
    ours_was_slow = replace(trade(1000), event_time=written + 5_000_000)
    assert (
        sequencer.add_last_trade(ours_was_slow) == ()
        and not sequencer.needs_history()
        and not sequencer.record.unproven
    )
    assert [out for n in range(997, 1001) for out in sequencer.add_live(trade(n))] == []
    assert not sequencer.needs_history() and not sequencer.may_have_restarted(trade(998), None), (
        "a history that lags proves nothing"
    )
    new = [replace(trade(n), event_time=begin.latest + n) for n in range(1, 5)]
    assert [out for one in new for out in sequencer.add_live(one)] == []
    assert sequencer.needs_history() and sequencer.may_have_restarted(new[-1], None)


def test_what_a_new_symbol_held_at_a_stop_is_held_again(tmp_path: Path) -> None:
    """Its first trade waited for others, and was gone with the process: nothing spoke of it any more."""
    sequencer = Sequencer()
    assert sequencer.add_live(trade(41)) == ()
    held = {"fake:AAA": [encode_trade(one).decode() for one in sequencer.unconfirmed]}
    path = positions_file.positions_path(tmp_path)
    positions_file.save_positions(path, Positions("c", "t", {0: 5}, {}, held=held))
    known = positions_file.load_positions(path)
    assert known is not None and known.held == held
    again = ResumePoint(held=[decode_trade(one.encode()) for one in known.held["fake:AAA"]]).build_sequencer()
    assert [one.trade_id for number in (42, 43) for one in again.add_live(trade(number))] == [41, 42, 43]


def test_where_only_the_ledger_is_left_its_rows_bound_the_time() -> None:
    rows = ledger(gap(50, 59, state="repaired", closed_time=8))
    assert find_resume_point(SymbolTail(), (), rows, 9).latest == 8 + positions_file.CLOCK_TOLERANCE_US
    assert find_resume_point(SymbolTail(), (), ledger(gap(50, 59, until=6)), 9).latest == 6


def test_a_row_of_the_ledger_comes_back() -> None:
    name, back = decode_gap(encode_gap("fake", "AAA", gap(2, 4, filled=1, progress_id=3, note="as noted")))
    assert (name, back) == ("fake:AAA", gap(2, 4, filled=1, progress_id=3, note="as noted"))


@pytest.mark.parametrize(
    ("share", "fenced", "known"), [("1/1", False, True), ("1/1", True, False), ("2/3", False, False)]
)
def test_a_file_older_than_the_topic_s_beginning_is_used_where_nobody_else_writes(
    share: str, fenced: bool, known: bool
) -> None:
    """Without it a market that no message speaks of any more would begin anew, and its gap never be seen."""
    file = Positions("c", "t", {0: 400}, {"binance:BTCUSDT": SymbolPosition(1000)}, share)
    found = startup_scan._validate_positions(
        file, Share.parse(share), fenced, {0: (500, 500)}, "c", "t", structlog.get_logger()
    )
    assert found == (file if known else None)


def test_what_has_left_the_topic_since_the_file_is_no_hole(kafka: KafkaServer, tmp_path: Path) -> None:
    """It may have been published, as what a killed process had not noted yet was, and would come twice."""
    topics.create_topics(kafka.bootstrap, 1)
    producer = TradeProducer(kafka.bootstrap, "test", writer=WHOLE_SHARE.writer)
    producer.claim(300)
    for number in range(1, 11):
        producer.send(RAW_TRADES, encode_key("fake", "AAA"), encode_trade(trade(number)))
    assert producer.close(60) == 0
    found = topics.describe_topics(kafka.bootstrap, [RAW_TRADES])[RAW_TRADES]
    ends = TopicOffsets(kafka.bootstrap, {RAW_TRADES: range(found.partitions)}).read()[RAW_TRADES]
    part = max(ends, key=lambda one: ends[one][1])
    places = {"fake:AAA": SymbolPosition(3), "fake:BBB": SymbolPosition(50)}
    held = {"fake:CCC": [encode_trade(trade(7, "CCC")).decode()]}
    file = Positions(topics.fetch_cluster_id(kafka.bootstrap), found.topic_id, {part: 3}, places, held=held)
    positions_file.save_positions(positions_file.positions_path(tmp_path), file)
    admin = topics.create_admin(kafka.bootstrap)  # one that nothing holds takes its answers along
    for future in admin.delete_records([TopicPartition(RAW_TRADES, part, 5)]).values():
        future.result(300)
    claimed: list[str] = []
    claim, more = lambda: claimed.append("once"), (0.0, threading.Event(), structlog.get_logger())
    with pytest.raises(
        MixedSourcesError, match=r"raw_crypto_trades of this broker holds live trades.* WHALE_KAFKA_PREFIX"
    ):
        startup_scan.scan_topic(kafka.bootstrap, tmp_path, WHOLE_SHARE, "replay", claim, *more)
    assert not claimed, "whoever writes there goes on"
    learned = startup_scan.scan_topic(kafka.bootstrap, tmp_path, WHOLE_SHARE, "live", claim, *more)
    assert learned is not None and claimed == ["once"]
    assert {name: (one.next_id, spans(one)) for name, one in learned.starts.items()} == {
        "fake:AAA": (11, []),
        "fake:BBB": (51, []),
        "fake:CCC": (None, []),
    }
    assert learned.starts["fake:CCC"].held == [trade(7, "CCC")]
