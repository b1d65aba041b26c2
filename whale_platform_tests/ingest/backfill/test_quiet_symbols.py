"""Symbols that show nothing: when history is queried for their newest trade."""

import json
import time

from whale_platform.ingest.publishing.symbol_publisher import SILENT_S
from whale_platform_tests.ingest.backfill.bench import A, B, Bench, history, refusing


def test_a_symbol_that_shows_nothing_is_asked_about_once() -> None:
    bench = Bench(history(6), A, silent=(B,))
    bench.repairer.step(0.0)
    bench.answer = refusing(400)
    assert bench.repairer.step(0.0)
    assert list(bench.feed.refused) == [B]
    assert not bench.repairer.step(0.0)


def test_a_silent_symbol_that_the_exchange_knows_is_left_alone() -> None:
    row = {"symbol": B, "baseAsset": "BBB", "quoteAsset": "USDT", "status": "TRADING"}
    bench = Bench(lambda url: json.dumps({"symbols": [row]}).encode(), silent=(B,))
    assert bench.repairer.step(0.0)
    assert not bench.repairer.step(0.0)
    assert bench.feed.refused == {} and len(bench.requests) == 1


def test_a_silent_symbol_that_the_exchange_does_not_list_is_refused_whatever_the_status() -> None:
    bench = Bench(lambda url: b'{"symbols":[]}', silent=(B,))
    assert bench.repairer.step(0.0)
    assert list(bench.feed.refused) == [B]


def test_a_symbol_that_is_quiet_after_a_reconnect_is_asked_what_it_traded_meanwhile() -> None:
    bench = Bench(history(6), A)
    bench.repairer.step(0.0)
    assert not bench.repairer.step(0.0)
    bench.feed.reconnects += 1
    bench.pipeline.record_connection((A,))
    bench.answer = history(9)
    while bench.repairer.step(0.0):
        pass
    assert bench.producer.ids(A) == list(range(10))
    assert bench.state() == ["repaired", "repaired"]
    asked = len(bench.requests)
    assert not bench.repairer.step(0.0) and len(bench.requests) == asked


def test_a_symbol_without_news_is_asked_once_a_connection() -> None:
    bench = Bench(history(6), A)
    bench.repairer.step(0.0)
    bench.pipeline.record_connection((A,))
    asked = len(bench.requests)
    while bench.repairer.step(0.0):
        pass
    assert len(bench.requests) == asked + 1


def test_a_symbol_that_is_silent_inside_a_live_connection_is_asked_for_now_and_then() -> None:
    bench = Bench(history(6), A)
    now = time.monotonic()
    while bench.repairer.step(now):
        pass
    bench.pipeline.tick(1)
    asked = len(bench.requests)
    assert not bench.repairer.step(now + SILENT_S - 1) and len(bench.requests) == asked
    bench.answer = history(9)
    later = now + SILENT_S + 60
    while bench.repairer.step(later):
        pass
    assert bench.producer.ids(A) == list(range(10))
    bench.pipeline.tick(1)
    asked = len(bench.requests)
    for minute in range(1, 60):
        bench.repairer.step(later + SILENT_S + 60 * minute)
    assert 2 <= len(bench.requests) - asked <= 5, "rarer and rarer"
