"""After a connection ends, the newest trades of a history without contiguous ids fill in what was missed."""

import dataclasses
import json
import time

from whale_platform.domain.names import INGEST_GAPS
from whale_platform.exchanges.binance.adapter import Binance
from whale_platform.ingest.sequencing.gap import decode_gap
from whale_platform_tests.ingest.backfill.bench import A, Bench, history, refusing
from whale_platform_tests.ingest.fake_binance import frame

SPARSE = dataclasses.replace(Binance(), dense_ids=False, history_page=1)


def build_bench(last: int, page: int = 5) -> Bench:
    exchange = dataclasses.replace(SPARSE, history_page=page)
    bench = Bench(lambda url: history(last)(url.replace("limit=1", f"limit={page}")), silent=(A,), exchange=exchange)
    play(bench, 10, 40)
    bench.pipeline.record_connection([A])
    return bench


def play(bench: Bench, *numbers: int) -> None:
    for number in numbers:
        bench.pipeline.process_frame(frame(A, number).encode(), 2 * 10**15)


def test_nothing_is_requested_before_a_first_connection_has_ended() -> None:
    bench = Bench(history(90), silent=(A,), exchange=SPARSE)
    play(bench, 10, 40)
    bench.repairer.step(0.0)
    assert bench.requests == [] and bench.producer.ids(A) == [10, 40], "holes in the ids mean nothing"


def test_what_was_missed_is_published_as_soon_as_the_connection_brings_trades() -> None:
    bench = build_bench(43)
    play(bench, 43)
    assert bench.repairer.step(0.0)
    assert bench.producer.ids(A) == [10, 40, 43, 39, 41, 42]
    assert [trade.source for trade in bench.producer.trades()][-3:] == ["repair"] * 3
    assert bench.producer.sent[INGEST_GAPS] == []
    asked = len(bench.requests)
    assert not bench.repairer.step(0.0) and len(bench.requests) == asked


def test_a_symbol_that_does_not_trade_is_compared_after_some_seconds() -> None:
    bench = build_bench(41)
    bench.feed.uptime_s = 1.0
    bench.repairer.step(0.0)
    assert bench.requests == []
    bench.feed.uptime_s = 9.0
    bench.repairer.step(0.0)
    assert bench.producer.ids(A)[2:] == [37, 38, 39, 41]


def test_a_page_that_does_not_reach_back_is_a_loss_on_record() -> None:
    bench = build_bench(90)
    bench.repairer.step(0.0)
    assert bench.producer.ids(A) == [10, 40, 86, 87, 88, 89, 90]
    (row,) = bench.producer.sent[INGEST_GAPS]
    gap = decode_gap(row)[1]
    assert (gap.first_id, gap.last_id, gap.state, gap.cause) == (86, 86, "unrepaired", "reconnect")
    assert json.loads(row)["detail"].endswith("may be missing: the exchange shows none of then")


def test_a_symbol_that_is_silent_for_long_is_compared_every_five_minutes() -> None:
    bench = build_bench(41)
    bench.repairer.step(0.0)
    asked, now = len(bench.requests), time.monotonic()
    bench.answer = lambda url: history(43)(url.replace("limit=1", "limit=5"))
    bench.repairer.step(now + 30)
    assert len(bench.requests) == asked
    bench.pipeline.tick(1)
    for minutes in (120, 121, 122, 126):
        bench.repairer.step(now + 60 * minutes)
    assert len(bench.requests) == asked + 2
    assert bench.producer.ids(A)[-2:] == [42, 43] and bench.producer.sent[INGEST_GAPS] == []


def test_a_history_that_is_unavailable_is_requested_again() -> None:
    bench = build_bench(42)
    answer, bench.answer = bench.answer, refusing(500)
    bench.repairer.step(0.0)
    assert bench.producer.ids(A) == [10, 40]
    bench.answer = answer
    bench.repairer.step(0.0)
    assert bench.producer.ids(A) == [10, 40, 38, 39, 41, 42]
