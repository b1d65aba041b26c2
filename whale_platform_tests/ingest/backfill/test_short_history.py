"""A history that shows the newest 1,000 trades alone, as that of Binance.US: what it does not show is not absent."""

import json
import time

import pytest

from whale_platform.domain.epochs import EPOCH
from whale_platform.domain.names import DEAD_LETTERS, INGEST_GAPS
from whale_platform.exchanges.binance_us.adapter import BinanceUs
from whale_platform.ingest.backfill import request_trials
from whale_platform.ingest.publishing.symbol_publisher import SILENT_S
from whale_platform.ingest.sequencing.gap import SequenceGap, decode_gap
from whale_platform_tests.ingest.backfill.bench import A, B, Bench, history
from whale_platform_tests.ingest.fake_binance import frame


def read_gaps(bench: Bench) -> list[SequenceGap]:
    """Each row of the ledger as it was written last, by its first id."""
    rows = {gap.first_id: gap for gap in (decode_gap(value)[1] for value in bench.producer.sent[INGEST_GAPS])}
    return [rows[first] for first in sorted(rows)]


def play(bench: Bench, *numbers: int) -> None:
    """Those trades come from the socket."""
    for number in numbers:
        bench.pipeline.process_frame(frame(A, number).encode(), 10**15 * 2)


def build_bench(last: int, *numbers: int) -> Bench:
    """0 to 2 are published, `numbers` come after a gap, and history ends with `last`."""
    bench = Bench(history(6), A, exchange=BinanceUs())
    bench.repairer.step(0.0)
    play(bench, *numbers)
    bench.answer = history(last)
    return bench


@pytest.mark.parametrize("settled_us", [request_trials.SETTLED_US, 10**18])
def test_what_is_shown_of_a_gap_is_filled_at_once_and_the_rest_is_unrepaired(
    monkeypatch: pytest.MonkeyPatch, settled_us: int
) -> None:
    """Also while trades are young: the next page would show less."""
    monkeypatch.setattr(request_trials, "SETTLED_US", settled_us)
    bench = build_bench(1_204, 1_203, 1_204)
    assert bench.repairer.step(0.0)
    assert bench.producer.ids(A) == [*range(7), *range(205, 1_205)]
    assert bench.producer.sent[DEAD_LETTERS] == []
    gap = read_gaps(bench)[-1]
    assert (gap.first_id, gap.last_id, gap.state, gap.beyond) == (7, 1_202, "unrepaired", [(7, 204)])
    assert gap.describe() == "beyond the exchange's history: 7-204"
    asked = len(bench.requests)
    assert not bench.repairer.step(0.0) and len(bench.requests) == asked


def test_a_page_that_begins_with_the_gap_fills_it() -> None:
    """It is asked for from the id before, which the page does not show."""
    bench = build_bench(1_006, 1_004, 1_005, 1_006)
    bench.repairer.step(0.0)
    assert bench.producer.ids(A) == list(range(1_007)) and read_gaps(bench)[-1].state == "repaired"


def test_one_trade_behind_a_gap_of_which_nothing_is_shown_waits_for_another_one() -> None:
    near, far = history(6), history(2_000)
    bench = Bench(lambda url: far(url) if A in url else near(url), A, B, exchange=BinanceUs())
    for second in range(100):
        bench.repairer.step(float(second))
    assert bench.producer.ids(B) == list(range(7)), "it holds up no other"
    assert bench.producer.ids(A) == [0, 1] and bench.state() == ["open", "repaired"]
    assert all("/api/v3/trades?" in url for url in bench.requests)
    play(bench, 7)
    line = bench.pipeline.lines[A]
    line.publish(line.sequencer.move_to_background(1))
    assert bench.producer.ids(A) == [0, 1, 7]
    bench.repairer.step(100.0)
    assert bench.state() == ["unrepaired", "repaired"]


def test_of_a_background_gap_what_is_shown_is_filled() -> None:
    bench = build_bench(21_000, 20_999, 21_000)
    assert bench.producer.ids(A)[-2:] == [20_999, 21_000], "a gap of that length blocks nothing"
    while bench.repairer.step(0.0):
        pass
    assert bench.producer.ids(A)[9:] == list(range(20_001, 20_999))
    gap = read_gaps(bench)[-1]
    assert (gap.state, gap.beyond, gap.filled) == ("unrepaired", [(7, 20_000)], 998)


def test_a_symbol_with_a_gap_of_which_nothing_is_shown_is_asked_for_its_newest_trade() -> None:
    bench = build_bench(3_000, 10)
    now = time.monotonic()
    bench.pipeline.tick(1)
    asked = len(bench.requests)
    for second in range(0, 120, 5):
        bench.repairer.step(now + SILENT_S + 60 + second)
    assert [url for url in bench.requests[asked:] if url.endswith("limit=1")]


@pytest.mark.parametrize("count", [10, 999])
def test_ids_that_begin_again_are_recognised_while_all_of_the_new_ones_are_shown(count: int) -> None:
    bench = build_bench(5_009, *range(5_000, 5_010))
    while bench.pipeline.count_open_gaps():
        bench.repairer.step(0.0)
    later = json.loads(frame(A, 6_000))["data"]["T"]

    def answer(url: str) -> bytes:
        limit = int(url.rpartition("=")[2])
        rows = [row for row in json.loads(history(count)(url)) if row["id"]][-limit:]
        return json.dumps([row | {"time": later + row["id"], "price": "9.25"} for row in rows]).encode()

    bench.answer = answer
    for number in range(count - 9, count + 1):
        new = json.loads(frame(A, number))
        new["data"] |= {"T": later + number, "p": "9.25"}
        bench.pipeline.process_frame(json.dumps(new).encode(), 10**15 * 2)
    for _ in range(3):
        bench.repairer.step(0.0)
    assert bench.producer.ids(A)[-count - 1 :] == [5_009, *(EPOCH + number for number in range(1, count + 1))]
