"""What the heartbeat says of each exchange."""

from typing import cast

import pytest

from whale_platform.broker.producer import TradeProducer
from whale_platform.exchanges.base import Exchange
from whale_platform.exchanges.binance.adapter import Binance
from whale_platform.exchanges.coinbase.adapter import Coinbase
from whale_platform.ingest.connections.connection_manager import ConnectionManager
from whale_platform.ingest.heartbeat_report import ALARM, ALARM_S, GRACE_S, HeartbeatReport
from whale_platform.ingest.publishing.latency import LatencySamples
from whale_platform.ingest.transport.exchange_clock import ExchangeClocks
from whale_platform_tests.ingest.builders import T0, trade
from whale_platform_tests.ingest.fake_binance import frame
from whale_platform_tests.ingest.fakes import RecordingProducer, pipeline


class FeedAs:
    """A feed whose connection is as the test says; up without a `why`."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.why = self.deaf = ""
        self.attempted = True
        self.reconnects = 2
        self.refused: dict[str, str] = {}

    def is_up(self) -> bool:
        return not self.why

    def describe_trouble(self) -> str:
        return self.why

    def describe_silent_symbols(self) -> str:
        return self.deaf

    def describe_status(self) -> str:
        return self.why or "connected 1 symbols"

    def list_wanted(self) -> list[str]:
        return ["one"]


class ClocksAs:
    """Offsets by exchange."""

    def __init__(self) -> None:
        self.offsets = {"binance": -12.34}
        self.told = ""

    def get_offset_ms(self, name: str) -> float | None:
        return self.offsets.get(name)

    def describe_warning(self) -> str:
        return self.told


class Depthless(RecordingProducer):
    """With an empty queue."""

    def depth(self) -> int:
        return 0


class Bench:
    """Binance and Coinbase, one symbol each."""

    def __init__(self) -> None:
        exchanges: list[Exchange] = [Binance(), Coinbase()]
        producer = Depthless()
        self.pipelines = [
            pipeline(exchange, (symbol,), producer)
            for exchange, symbol in zip(exchanges, ("AAAUSDT", "AAA-USD"), strict=True)
        ]
        self.feeds = [FeedAs(exchange) for exchange in exchanges]
        self.clocks = ClocksAs()
        self.report = HeartbeatReport(
            self.pipelines,
            cast(list[ConnectionManager], self.feeds),
            [],
            [cast(TradeProducer, producer)],
            LatencySamples(),
            cast(ExchangeClocks, self.clocks),
        )


def test_each_exchange_has_its_own_numbers_and_the_totals_stay() -> None:
    bench = Bench()
    for number, delay_ms in ((1, 40), (2, 50), (6, 60)):
        bench.pipelines[0].process_frame(frame("AAAUSDT", number).encode(), T0 + number * 1000 + delay_ms * 1000)
    found = bench.report.numbers()
    assert found["exchanges"] == [
        {
            "exchange": "binance",
            "state": "connected",
            "detail": "connected 1 symbols",
            "trades_per_s": 0.0,
            "delay_ms": 50.0,
            "clock_offset_ms": -12.3,
            "gaps_open": 1,
            "gaps_repaired": 0,
            "reconnects": 2,
            "symbols": 1,
        },
        {
            "exchange": "coinbase",
            "state": "connected",
            "detail": "connected 1 symbols",
            "trades_per_s": 0.0,
            "delay_ms": None,
            "clock_offset_ms": None,
            "gaps_open": 0,
            "gaps_repaired": 0,
            "reconnects": 2,
            "symbols": 1,
        },
    ]
    assert (found["trades"], found["gaps_open"], found["reconnects"]) == (2, 1, 4)
    assert (found["exchange_to_receive_p50"], found["exchange_to_receive_p99"]) == (50.0, 60.0)


def test_an_exchange_is_away_when_the_grace_of_a_reconnect_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    feed, now = bench.feeds[1], 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    feed.why, feed.attempted = "connecting", False
    assert state(bench) == "connecting"
    feed.why, feed.attempted = "the line is cut", True
    assert state(bench) == "unavailable"
    feed.why = ""
    assert state(bench) == "connected"
    feed.why = "the line is cut"
    now += GRACE_S
    assert state(bench) == "connecting" and bench.report.read_state() == ("ready", "")
    now += 0.1
    assert state(bench) == "unavailable" and bench.report.read_state() == ("degraded", "coinbase: the line is cut")


def state(bench: Bench) -> str:
    bench.report.read_state()
    _, coinbase = bench.report.numbers()["exchanges"]
    assert coinbase["detail"] == bench.feeds[1].describe_status()
    return str(coinbase["state"])


def test_symbols_that_are_not_subscribed_are_trouble_although_the_exchange_is_connected() -> None:
    bench = Bench()
    bench.feeds[0].deaf = "2 symbols are not subscribed"
    assert bench.report.read_state() == ("degraded", "2 symbols are not subscribed")
    assert bench.report.numbers()["exchanges"][0]["state"] == "connected"


def test_a_wrong_clock_is_told_without_being_degraded(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.clocks.told = "set the clock"
    assert bench.report.read_state() == ("ready", "set the clock")
    bench.feeds[0].why = "gone"
    monkeypatch.setattr("time.monotonic", lambda: 1e12)
    assert bench.report.read_state() == ("degraded", "binance: gone; set the clock")


def test_trades_from_the_future_are_told_while_they_are_held_and_when_many_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench, now = Bench(), 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    assert bench.report.read_state() == ("ready", "")
    guard, counts = bench.pipelines[0]._guard, bench.pipelines[0].counts
    guard.hold(trade(1), False)
    state, detail = bench.report.read_state()
    assert state == "degraded" and "binance: trades lie in the future" in detail and "set it by NTP" in detail
    assert bench.report.numbers()["held"] == 1
    guard.held.clear()
    counts.future += ALARM - 1
    assert bench.report.read_state() == ("ready", "")
    counts.future += 1
    assert bench.report.read_state()[1] == "binance: trades lie in the future and are refused (see the dead letters)"
    now += ALARM_S + 1
    assert bench.report.read_state() == ("ready", "")


def test_a_stream_of_trades_without_a_place_is_told_and_a_single_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, now = Bench(), 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    line = bench.pipelines[0].lines["AAAUSDT"]
    assert bench.report.read_state() == ("ready", "")
    line.sequencer.record.unproven += ALARM - 1
    now += 1
    assert bench.report.read_state() == ("ready", "")
    line.sequencer.record.unproven += 1
    state, detail = bench.report.read_state()
    assert state == "degraded" and detail.startswith("binance: 10 trades of the last minute have ids that contradict")
    found = bench.report.numbers()
    assert (found["unproven"], found["unplaced"]) == (10, detail)
    now += ALARM_S + 1
    assert bench.report.read_state() == ("ready", "")
    for number in range(1, ALARM + 1):
        bench.pipelines[0].process_frame(frame("AAAUSDT", number * 1_000_000).encode(), T0 + 10**11)
    assert bench.report.read_state() == (
        "degraded",
        "binance: 10 of AAAUSDT are held until its history tells their place",
    )
