"""Trades from the future: with a slow clock of ours none is lost, whatever tells the time, and whenever."""

import json
import time

import pytest

from whale_platform.domain.names import DEAD_LETTERS, INGEST_GAPS
from whale_platform.domain.trade import Trade
from whale_platform.exchanges.binance.adapter import Binance
from whale_platform.ingest.publishing import plausibility_filter
from whale_platform.ingest.sequencing.backfill_range import BackfillRange
from whale_platform.ingest.transport.exchange_clock import ClockLead
from whale_platform_tests.ingest.fake_binance import frame
from whale_platform_tests.ingest.fakes import RecordingProducer, pipeline

SYMBOL, OTHERS = "AAAUSDT", ("BBBUSDT", "CCCUSDT")
MINUTE = 60_000_000


class Bench:
    """A pipeline whose clock is `slow_us` behind the exchange's; `lead`: what was measured of it."""

    def __init__(self, slow_us: int = 20 * MINUTE, lead: ClockLead | None = None) -> None:
        self.slow_us, self.lead = slow_us, lead
        self.exchange, self.producer = Binance(), RecordingProducer()
        self.pipeline = pipeline(self.exchange, (SYMBOL, *OTHERS), self.producer, lambda: self.lead)

    def trade(self, number: int, symbol: str = SYMBOL, more_us: int = 0) -> None:
        """It happens now by the exchange's clock, or `more_us` later."""
        ours = time.time_ns() // 1000
        row = json.loads(frame(symbol, number))
        row["data"]["T"] = ours + self.slow_us + more_us
        self.pipeline.process_frame(json.dumps(row).encode(), ours)

    def history(self, first: int, last: int, more_us: int = 0) -> dict[int, Trade]:
        ours = time.time_ns() // 1000
        found = [self.exchange.parse(frame(SYMBOL, number), ours)[0] for number in range(first, last + 1)]
        when = ours + self.slow_us + more_us
        return {one.trade_id: one._replace(event_time=when) for one in found if isinstance(one, Trade)}


@pytest.mark.parametrize("by_tick", [True, False])
def test_what_came_before_the_clock_was_known_is_published_in_order(by_tick: bool) -> None:
    bench = Bench()
    for number in range(1, 11):
        bench.trade(number)
    assert bench.producer.ids(SYMBOL) == [] and bench.pipeline.count_future_trades() == (10, 0)
    bench.lead = ClockLead(bench.slow_us)
    if by_tick:
        bench.pipeline.tick(1)
    else:
        bench.trade(11)
    assert bench.producer.ids(SYMBOL) == list(range(1, 11 if by_tick else 12))
    assert bench.pipeline.count_future_trades() == (0, 0)
    assert bench.producer.sent[DEAD_LETTERS] == bench.producer.sent[INGEST_GAPS] == []


def test_without_a_rest_side_the_first_trades_of_three_symbols_are_believed() -> None:
    bench = Bench()
    for number in range(1, 4):
        for symbol in (SYMBOL, *OTHERS):
            bench.trade(number, symbol)
    for symbol in (SYMBOL, *OTHERS):
        assert bench.producer.ids(symbol) == [1, 2, 3]


def test_what_can_t_be_held_is_a_hole_that_history_fills(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plausibility_filter, "MOST_HELD", 5)
    bench = Bench()
    for number in range(1, 11):
        bench.trade(number)
    assert bench.pipeline.count_future_trades() == (5, 5)
    bench.lead = ClockLead(bench.slow_us)
    bench.trade(11)
    assert bench.producer.ids(SYMBOL) == [1, 2, 3, 4, 5]
    found = bench.pipeline.history.find_wanted(frozenset())
    assert found is not None and (found[1].first_id, found[1].last_id) == (6, 10)
    bench.pipeline.history.fill(SYMBOL, found[1], bench.history(6, 10), 1)
    assert bench.producer.ids(SYMBOL) == list(range(1, 12))


def test_one_from_the_future_by_a_clock_that_is_known_is_looked_for_in_history() -> None:
    bench = Bench(0, ClockLead(0))
    for number in (1, 2, 3):
        bench.trade(number)
    bench.trade(4, more_us=120 * MINUTE)
    bench.trade(5)
    assert bench.producer.ids(SYMBOL) == [1, 2, 3] and bench.pipeline.counts.future == 1
    found = bench.pipeline.history.find_wanted(frozenset())
    assert found is not None and (found[1].first_id, found[1].last_id) == (4, 4)
    bench.pipeline.history.fill(SYMBOL, found[1], bench.history(4, 5), 1)
    assert bench.producer.ids(SYMBOL) == [1, 2, 3, 4, 5]


def test_history_is_not_judged_by_a_clock_that_nobody_knows() -> None:
    """Ids whose trades seem to be of the future stay open, and are asked for again a little later."""
    bench = Bench(0)
    for number in (1, 2, 6):
        bench.trade(number)
    bench.slow_us = 20 * MINUTE
    (id_range,) = [found[1] for found in [bench.pipeline.history.find_wanted(frozenset())] if found is not None]
    bench.pipeline.history.fill(SYMBOL, id_range, bench.history(3, 3, -20 * MINUTE) | bench.history(4, 6), 1)
    assert bench.producer.ids(SYMBOL) == [1, 2, 3] and bench.producer.sent[DEAD_LETTERS] == []
    assert bench.pipeline.history.find_wanted(frozenset()) is None, "not at once"
    bench.pipeline.history._later.clear()
    bench.lead = ClockLead(bench.slow_us)
    found = bench.pipeline.history.find_wanted(frozenset())
    assert found == (SYMBOL, BackfillRange(4, 5, "inline"))
    bench.pipeline.history.fill(SYMBOL, found[1], bench.history(4, 5), 1)
    assert bench.producer.ids(SYMBOL) == [1, 2, 3, 4, 5, 6]
