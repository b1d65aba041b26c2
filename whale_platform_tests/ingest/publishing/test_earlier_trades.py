"""Trades that an exchange sends at subscription: they fill what was missed, and a new symbol begins behind them."""

import json

from whale_platform.domain.names import INGEST_GAPS
from whale_platform.domain.trade import Trade
from whale_platform.exchanges.base import EarlierTrade, Event, LastTrade
from whale_platform.exchanges.binance.adapter import Binance
from whale_platform_tests.ingest.fake_binance import frame
from whale_platform_tests.ingest.fakes import RecordingProducer, pipeline

SYMBOL = "AAAUSDT"


class Snapshots(Binance):
    """Sends some trades at subscription, as a list of its frames."""

    def parse(self, frame: str | bytes, received_time: int) -> list[Event]:
        sent = json.loads(frame)
        if not isinstance(sent, list):
            return Binance.parse(self, frame, received_time)
        events = [event for one in sent for event in Binance.parse(self, one, received_time)]
        trades = [event for event in events if isinstance(event, Trade)]
        return [*map(EarlierTrade, trades[:-1]), *map(LastTrade, trades[-1:])]


class Bench:
    """A pipeline of such an exchange."""

    def __init__(self) -> None:
        self.producer = RecordingProducer()
        self.pipeline = pipeline(Snapshots(), (SYMBOL,), self.producer)

    def live(self, first: int, last: int) -> None:
        for number in range(first, last + 1):
            self.pipeline.process_frame(frame(SYMBOL, number).encode(), 10**15 * 2)

    def subscribe(self, first: int, last: int) -> None:
        shown = [frame(SYMBOL, number) for number in range(first, last + 1)]
        assert self.pipeline.process_frame(json.dumps(shown).encode(), 10**15 * 2) == (0, [])

    def ids(self) -> list[int]:
        return self.producer.ids(SYMBOL)


def test_a_new_symbol_begins_behind_what_was_before_its_subscription() -> None:
    bench = Bench()
    bench.subscribe(1, 50)
    bench.live(51, 53)
    assert bench.ids() == [51, 52, 53]


def test_what_a_known_symbol_missed_is_filled_without_history() -> None:
    bench = Bench()
    bench.live(1, 20)
    bench.subscribe(11, 60)
    assert bench.ids() == list(range(1, 61))
    bench.subscribe(12, 61)
    bench.live(62, 62)
    assert bench.ids() == list(range(1, 63))
    assert bench.producer.sent[INGEST_GAPS] == []


def test_what_lies_before_them_is_a_gap() -> None:
    bench = Bench()
    bench.live(1, 20)
    bench.subscribe(31, 80)
    assert bench.ids() == list(range(1, 21))
    (gap,) = [json.loads(value) for value in bench.producer.sent[INGEST_GAPS]]
    assert (gap["first_id"], gap["last_id"], gap["state"]) == (21, 30, "open")
