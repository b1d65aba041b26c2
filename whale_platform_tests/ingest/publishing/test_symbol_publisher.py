"""What a symbol's line records and publishes, and in which order."""

from decimal import Decimal
from typing import cast

import pytest

from whale_platform.broker.producer import TradeProducer
from whale_platform.domain.names import INGEST_GAPS, RAW_TRADES
from whale_platform.domain.rates import RateBook
from whale_platform.domain.trade import Trade
from whale_platform.ingest.publishing.delivery import NextOffsets, TradeSender
from whale_platform.ingest.publishing.latency import LatencySamples
from whale_platform.ingest.publishing.symbol_publisher import HOLD_S, ExchangeRecords, SymbolPublisher
from whale_platform.ingest.recovery.resume_points import find_resume_point
from whale_platform.ingest.recovery.startup_scan import build_tail
from whale_platform.ingest.sequencing.gap import decode_gap
from whale_platform.ingest.sequencing.sequencer import Sequencer
from whale_platform_tests.ingest.builders import T0, trade
from whale_platform_tests.ingest.fakes import RecordingProducer


class Ordered(RecordingProducer):
    """Also remembers which topic came when."""

    def __init__(self) -> None:
        super().__init__()
        self.topics: list[str] = []

    def send(self, topic: str, key: bytes, value: bytes) -> None:
        self.topics.append(topic)
        super().send(topic, key, value)


class Bench:
    """A line that has published ids 1 and 2."""

    def __init__(self) -> None:
        self.producer = Ordered()
        producer = cast(TradeProducer, self.producer)
        self.books = ExchangeRecords("binance", producer)
        outlet = TradeSender(producer, RAW_TRADES, b"binance:BTCUSDT", NextOffsets({0: 0}), LatencySamples())
        self.line = SymbolPublisher("BTCUSDT", Sequencer(1), outlet, self.books, RateBook())
        self.see(1, 2)

    def see(self, *numbers: int) -> None:
        for number in numbers:
            self.line.publish(self.line.sequencer.add_live(trade(number)))

    def states(self) -> list[str]:
        return [decode_gap(row)[1].state for row in self.producer.sent[INGEST_GAPS]]

    def ids(self) -> list[int]:
        return [one.trade_id for one in self.producer.trades()]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_closed_row_is_corrected_after_its_late_trade(bench: Bench) -> None:
    """Were it written first, a kill between the two would leave a row that counts a trade which nobody has."""
    sequencer = bench.line.sequencer
    bench.line.publish(sequencer.skip(3, 1))
    bench.see(4)
    bench.line.write_quarantine()
    bench.producer.topics.clear()
    bench.see(3)
    assert bench.producer.topics == [RAW_TRADES, INGEST_GAPS]
    assert (bench.ids(), bench.states()) == ([1, 2, 4, 3], ["unrepaired", "repaired"])


def test_the_orders_of_takers_go_on_over_a_restart_and_end_at_a_hole(bench: Bench) -> None:
    def fill(number: int) -> Trade:
        time = T0 + (10_000 if number < 6 else 12_000)
        return trade(number)._replace(event_time=time, side="buy", price=Decimal(100), quantity=Decimal(number))

    def publish(line: SymbolPublisher, *numbers: int) -> None:
        for number in numbers:
            line.publish(line.sequencer.add_live(fill(number)))

    def progress() -> dict[int, tuple[int, int]]:
        told = {one.trade_id: one.sweep for one in bench.producer.trades()}
        return {number: (one.first_id, one.fills) for number, one in told.items() if one is not None}

    # 1. A new process goes on from the last message, whether the positions file has it or the topic.
    publish(bench.line, 3, 4)
    position = bench.line.build_position()
    assert position is not None
    begin = find_resume_point(build_tail(position), (), {}, 0)
    line = SymbolPublisher("BTCUSDT", begin.build_sequencer(), bench.line.outlet, bench.books, RateBook(), begin.newest)
    publish(line, 5)
    assert progress() == {4: (3, 2), 5: (3, 3)}
    # 2. What lies behind a hole is another order; so is what fills it, since messages are not written again.
    publish(line, 7, 8, 9)
    line.publish(line.sequencer.move_to_background(T0 + 20_000))
    wanted = line.sequencer.find_wanted()
    assert wanted is not None
    line.publish(line.sequencer.fill(wanted, {6: fill(6), 7: fill(7)}, T0 + 30_000))
    publish(line, 10)
    assert bench.ids() == [1, 2, 3, 4, 5, 8, 9, 6, 7, 10], "the lowest behind a hole is fetched too"
    assert progress() == {4: (3, 2), 5: (3, 3), 9: (8, 2), 7: (6, 2), 10: (8, 3)}


def test_amounts_become_dollars_by_the_last_price_of_a_pair_and_by_none_that_is_old(bench: Bench) -> None:
    def publish(symbol: str, base: str, quote: str, price: str, seconds: int) -> Trade:
        line = SymbolPublisher(symbol, Sequencer(seconds), bench.line.outlet, bench.books, rates)
        one = trade(seconds, symbol)._replace(base=base, quote=quote, price=Decimal(price), quantity=Decimal(2))
        line.publish(line.sequencer.add_live(one._replace(event_time=T0 + seconds * 1_000_000)))
        return bench.producer.trades()[-1]

    rates = RateBook()
    assert publish("BTCEUR", "BTC", "EUR", "60000", 1).notional_usd is None, "no rate is known yet"
    publish("EURUSDT", "EUR", "USDT", "1.25", 2)
    sold = publish("BTCEUR", "BTC", "EUR", "60000", 62)
    assert (sold.notional_usd, sold.usd_via) == (Decimal(150_000), "fake:EURUSDT")
    assert publish("BTCEUR", "BTC", "EUR", "60000", 63).usd_via is None, "a minute and a second later"
    # A dollar coin that is sold in a currency tells that currency's rate, as well as the trade's own.
    coin = publish("USDTTRY", "USDT", "TRY", "32", 64)
    assert (coin.usd_rate, coin.notional_usd, coin.usd_via) == (Decimal("0.03125"), Decimal(2), "fake:USDTTRY")
    assert publish("BTCTRY", "BTC", "TRY", "3200000", 65).notional_usd == 200_000


def test_a_hole_is_on_record_and_called_out_before_anything_after_it_is_published(bench: Bench) -> None:
    bench.see(5)
    assert (bench.ids(), bench.states(), bench.books.wanting.is_set()) == ([1, 2], ["open"], True)
    bench.producer.topics.clear()
    bench.see(3, 4)
    assert (bench.ids(), bench.states()) == ([1, 2, 3, 4, 5], ["open", "repaired"])
    assert bench.producer.topics == [RAW_TRADES, INGEST_GAPS, RAW_TRADES, RAW_TRADES]
    assert bench.books.counts.gaps_repaired == 1 and bench.books.counts.trades == 5


def test_a_hole_holds_trades_back_for_so_long_and_no_longer(bench: Bench) -> None:
    bench.see(4, 5, 6)
    bench.line.tick(1000.0, 1)
    bench.line.tick(1000.0 + HOLD_S, 1)
    assert bench.ids() == [1, 2]
    bench.line.tick(1000.1 + HOLD_S, 1)
    assert bench.ids() == [1, 2, 5, 6]
    told = [decode_gap(row)[1] for row in bench.producer.sent[INGEST_GAPS]]
    assert [(gap.first_id, gap.last_id, gap.mode) for gap in told] == [
        (3, 3, "inline"),
        *[(3, 4, "background")] * 2,
    ]
    id_range = bench.line.sequencer.find_wanted()
    assert id_range is not None
    bench.line.publish(bench.line.sequencer.fill(id_range, {3: trade(3, source="repair"), 4: trade(4)}, 1))
    assert (bench.ids()[-2:], bench.states()) == ([3, 4], ["open", "open", "open", "repaired"])


def test_each_hole_has_its_own_time(bench: Bench) -> None:
    bench.see(4)
    bench.line.tick(1000.0, 1)
    bench.see(3, 6)
    bench.line.tick(1000.1 + HOLD_S, 1)
    assert bench.ids() == [1, 2, 3, 4], "the second hole has only begun"


def test_a_place_is_a_copy_that_stands_still(bench: Bench) -> None:
    bench.see(6, 7)
    bench.line.publish(bench.line.sequencer.move_to_background(1))
    position, id_range = bench.line.build_position(), bench.line.sequencer.find_wanted()
    assert position is not None and id_range is not None
    assert (position.last_id, position.gaps[0].progress_id, position.gaps[0].absent) == (7, 3, [])
    bench.line.publish(bench.line.sequencer.fill(id_range, {}, 2))
    assert (position.gaps[0].progress_id, position.gaps[0].absent) == (3, [])


def test_silent_until_it_publishes_on_the_present_connection(bench: Bench) -> None:
    bench.line.record_connection()
    assert bench.line.is_silent()
    bench.see(3)
    assert not bench.line.is_silent()


def test_a_run_of_quarantined_ids_is_one_row(bench: Bench) -> None:
    for number in (3, 4, 5):
        bench.line.publish(bench.line.sequencer.skip(number, 9))
    assert bench.states() == []
    bench.line.tick(0.0, 9)
    bench.line.tick(1.0, 9)
    rows = [decode_gap(row)[1] for row in bench.producer.sent[INGEST_GAPS]]
    assert [(row.first_id, row.last_id, row.state) for row in rows] == [(3, 5, "unrepaired")]
