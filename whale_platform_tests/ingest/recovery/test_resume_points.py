"""Where to go on, from what the topic, the positions file and the ledger say."""

from dataclasses import replace

import pytest
import structlog

from whale_platform.contracts.raw_trade import encode_trade
from whale_platform.contracts.raw_trade_looks import peek_trade_id
from whale_platform.domain.epochs import EPOCH
from whale_platform.ingest.recovery import positions_file, startup_scan
from whale_platform.ingest.recovery.positions_file import Positions, SymbolPosition
from whale_platform.ingest.recovery.resume_points import ResumePoint, find_resume_point
from whale_platform.ingest.recovery.share import WHOLE_SHARE
from whale_platform.ingest.recovery.topic_tail import SymbolTail
from whale_platform.ingest.sequencing.gap import SequenceGap, decode_gap, encode_gap
from whale_platform_tests.ingest.builders import trade


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


def test_where_only_the_ledger_is_left_its_rows_bound_the_time() -> None:
    rows = ledger(gap(50, 59, state="repaired", closed_time=8))
    assert find_resume_point(SymbolTail(), (), rows, 9).latest == 8 + positions_file.CLOCK_TOLERANCE_US
    assert find_resume_point(SymbolTail(), (), ledger(gap(50, 59, until=6)), 9).latest == 6


def test_a_row_of_the_ledger_comes_back() -> None:
    name, back = decode_gap(encode_gap("fake", "AAA", gap(2, 4, filled=1, progress_id=3, note="as noted")))
    assert (name, back) == ("fake:AAA", gap(2, 4, filled=1, progress_id=3, note="as noted"))
