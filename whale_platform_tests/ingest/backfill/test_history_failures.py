"""A history that refuses or fails: how long the gap filler waits, and for whom."""

import pytest

from whale_platform.exchanges.binance.adapter import Binance
from whale_platform.ingest.backfill import request_trials
from whale_platform.ingest.errors import HttpUnavailableError
from whale_platform_tests.ingest.backfill.bench import A, B, Bench, history, refusing


def test_a_symbol_whose_history_is_gone_does_not_hold_up_the_others() -> None:
    good = history(6)
    bench = Bench(lambda url: refusing(400)(url) if A in url else good(url), A, B)
    bench.repairer.step(0.0)
    bench.repairer.step(0.0)
    assert bench.producer.ids(B) == [0, 1, 2, 3, 4, 5, 6]
    assert bench.producer.ids(A) == [0, 1]
    assert bench.repairer.status == "" and bench.waits == []


@pytest.mark.parametrize("status", [429, 418, 451])
def test_the_exchanges_own_waiting_time_is_kept_and_told(status: int) -> None:
    bench = Bench(refusing(status, 123.0), A)
    bench.repairer.step(0.0)
    assert bench.waits == [123.0]
    assert bench.repairer.status == f"HTTP {status}"
    bench.answer = history(6)
    bench.now = 1000.0
    bench.repairer.step(1000.0)
    assert bench.repairer.status == "" and bench.producer.ids(A) == [0, 1, 2, 3, 4, 5, 6]


def test_a_wait_that_another_thread_was_told_is_kept_too() -> None:
    bench = Bench(refusing(429, 123.0), A)
    with pytest.raises(HttpUnavailableError):
        bench.rest.fetch(Binance().time_url())
    bench.answer = history(6)
    bench.now = 23.0
    bench.repairer.step(0.0)
    assert (bench.waits, bench.repairer.status, len(bench.requests)) == ([100.0], "HTTP 429", 1)
    bench.now = 123.0
    bench.repairer.step(100.0)
    assert bench.repairer.status == "" and bench.producer.ids(A) == [0, 1, 2, 3, 4, 5, 6]


def test_trouble_without_a_told_time_is_waited_out_ever_longer_up_to_the_cap() -> None:
    bench = Bench(refusing(500), A)
    for _ in range(10):
        bench.repairer.step(0.0)
    assert bench.waits == sorted(bench.waits) and bench.waits[-1] == request_trials.CAP_S


def test_a_page_that_is_not_a_page_is_trouble_and_fills_nothing() -> None:
    bench = Bench(lambda url: b'{"code":-1,"msg":"no"}', A)
    bench.repairer.step(0.0)
    assert "can't be read" in bench.repairer.status
    assert bench.producer.ids(A) == [0, 1]
