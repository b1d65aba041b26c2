from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from whale_platform.domain.names import DEAD_LETTERS, INGEST_GAPS, STREAM_LOSSES, TRADE_WINDOWS, WHALE_ALERTS
from whale_platform.sink.fold import fold_records
from whale_platform_tests.sink.messages import START_US, growing, message, record

PLACES = {
    (TRADE_WINDOWS, 0): 0,
    (TRADE_WINDOWS, 1): 0,
    (WHALE_ALERTS, 0): 0,
    (INGEST_GAPS, 0): 0,
    (STREAM_LOSSES, 0): 0,
    (DEAD_LETTERS, 0): 0,
}


def test_the_highest_count_of_a_window_wins_and_of_equals_the_later() -> None:
    values = [growing("A", 2), growing("A", 5), growing("B", 1), growing("A", 4), message(TRADE_WINDOWS, run_id="old")]
    values.append(message(TRADE_WINDOWS, run_id="new"))
    batch = fold_records([record(TRADE_WINDOWS, n, value) for n, value in enumerate(values)], PLACES)
    assert {key[1]: row.trade_count for key, (row, _) in batch.windows.items()} == {"A": 5, "B": 1, "BTCUSDT": 2}
    assert {row.run_id for row, _ in batch.windows.values() if row.symbol == "BTCUSDT"} == {"new"}
    assert batch.offset_moves == {(TRADE_WINDOWS, 0): (0, 6)}


def test_the_first_whale_and_the_later_gap() -> None:
    records = [
        record(WHALE_ALERTS, 0, message(WHALE_ALERTS, run_id="first")),
        record(WHALE_ALERTS, 1, message(WHALE_ALERTS, run_id="second")),
        record(INGEST_GAPS, 4),
        record(INGEST_GAPS, 9, message(INGEST_GAPS, state="repaired", closed_time=START_US)),
    ]
    batch = fold_records(records, PLACES)
    assert [row.run_id for row, _ in batch.whales.values()] == ["first"]
    assert [(row.state, origin.offset) for row, origin in batch.gaps.values()] == [("repaired", 9)]
    assert batch.offset_moves == {(WHALE_ALERTS, 0): (0, 2), (INGEST_GAPS, 0): (0, 10)}


def test_a_tombstone_only_moves_the_offset() -> None:
    batch = fold_records([replace(record(topic, 3), value=None) for topic in (INGEST_GAPS, STREAM_LOSSES)], PLACES)
    assert not batch.gaps
    assert not batch.losses
    assert not batch.rejects
    assert batch.offset_moves == {(INGEST_GAPS, 0): (0, 4), (STREAM_LOSSES, 0): (0, 4)}


def test_a_loss_that_is_told_again_is_one() -> None:
    batch = fold_records([record(STREAM_LOSSES, 0), record(STREAM_LOSSES, 1)], PLACES)
    assert [(row.reader, row.first_offset) for row, _ in batch.losses.values()] == [("windows", 7)]


def test_dead_letters_are_counted_by_exchange_kind_and_day() -> None:
    later = START_US + 86_400_000_000
    values = [message(DEAD_LETTERS, received_time=time) for time in (START_US + 5, START_US, later)]
    values.append(message(DEAD_LETTERS, kind="quarantined"))
    batch = fold_records([record(DEAD_LETTERS, n, value) for n, value in enumerate(values)], PLACES)
    counted = [(row.kind, row.letters, row.last_offset) for row in batch.dead_letters.values()]
    assert counted == [("unparseable", 2, 1), ("unparseable", 1, 2), ("quarantined", 1, 3)]
    first = next(iter(batch.dead_letters.values()))
    assert (first.first_time.microsecond, first.last_time.microsecond) == (0, 5)


def test_an_unreadable_message_is_a_reject_and_its_neighbours_are_kept() -> None:
    values = [growing("A", 1), b"{", growing("A", 2)]
    batch = fold_records([record(TRADE_WINDOWS, n, value) for n, value in enumerate(values)], PLACES)
    assert [(reject.origin.offset, reject.reason) for reject in batch.rejects] == [(1, "not JSON")]
    assert [row.trade_count for row, _ in batch.windows.values()] == [2]
    assert batch.offset_moves == {(TRADE_WINDOWS, 0): (0, 3)}


def test_only_the_newest_readable_state_of_a_window_is_parsed() -> None:
    broken = growing("A", 9).replace(b'"open":"2"', b'"open":2.0')
    outdone = growing("A", 3).replace(b'"open":"2"', b'"open":2.0')
    batch = fold_records(
        [record(TRADE_WINDOWS, n, value) for n, value in enumerate([outdone, growing("A", 5), broken])], PLACES
    )
    assert [(reject.origin.offset, reject.reason) for reject in batch.rejects] == [(2, "open is not a decimal string")]
    assert [row.trade_count for row, _ in batch.windows.values()] == [5]


_STATES = st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 2), st.integers(1, 50)), min_size=1, max_size=40)


@given(_STATES, st.integers(1, 39))
def test_however_the_messages_are_cut_into_batches_the_windows_are_the_same(
    states: list[tuple[str, int, int]], cut: int
) -> None:
    records = [
        record(TRADE_WINDOWS, n, growing(symbol, count, minute)) for n, (symbol, minute, count) in enumerate(states)
    ]
    whole = {key: row for key, (row, _) in fold_records(records, PLACES).windows.items()}
    parts: dict[object, int] = {}
    for part in (records[:cut], records[cut:]):
        for key, (row, _) in fold_records(part, PLACES).windows.items():
            parts[key] = max(parts.get(key, 0), row.trade_count)
    assert {key: row.trade_count for key, row in whole.items()} == parts
