"""Clocks that are off by a known amount, behind lines that are slow, uneven, refusing or gone."""

import threading
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale_platform.exchanges.base import Exchange
from whale_platform.exchanges.binance.adapter import Binance
from whale_platform.exchanges.coinbase.adapter import Coinbase
from whale_platform.ingest.errors import HttpUnavailableError
from whale_platform.ingest.transport.exchange_clock import (
    FORGET_S,
    SAMPLES,
    WRONG_MS,
    ClockLead,
    ClockOffset,
    ExchangeClocks,
    measure_offset,
)
from whale_platform.ingest.transport.rest_client import RestClient, TimedResponse
from whale_platform_tests.ingest.fakes import Log
from whale_platform_tests.simulator.harness import simulator

NOW_US = 1_700_000_000_000_000
Line = tuple[int, int]  # microseconds to the exchange, and back
DELAYS = st.integers(0, 1_000_000)


class Unhurried(threading.Event):
    """Never set; nothing is waited for."""

    def wait(self, _timeout: float | None = None) -> bool:
        return False


class Notes(Log):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def info(self, *texts: object, **_: object) -> None:
        self.told += map(str, texts)

    warning = info


class Bench:
    """Exchanges whose clocks are `ahead_us`, behind `lines`, which are taken one after the other."""

    def __init__(self, *lines: Line, ahead_us: int = 0, exchanges: tuple[Exchange, ...] = (Binance(),)) -> None:
        self.now = 0.0
        self.ahead_us = ahead_us
        self.asked: list[str] = []
        self.trouble: Callable[[str], Exception | None] = lambda url: None
        self.body: bytes | None = None
        self.log = Notes()
        self._lines: Iterator[Line] = cycle(lines or ((0, 0),))
        rests = [(exchange, RestClient(exchange.name, self.fetch, lambda: self.now)) for exchange in exchanges]
        self.clocks = ExchangeClocks(rests, Unhurried(), self.log, lambda: self.now)

    def fetch(self, url: str, timeout_s: float) -> TimedResponse:
        assert timeout_s == 2.0
        self.asked.append(url)
        trouble = self.trouble(url)
        if trouble is not None:
            raise trouble
        there, back = next(self._lines)
        theirs = NOW_US + there + self.ahead_us
        body = self.body if self.body is not None else f'{{"serverTime":{theirs}}}'.encode()
        return TimedResponse(body, NOW_US, there + back)


@given(st.integers(-(10**10), 10**10), DELAYS, DELAYS)
def test_one_answer_errs_by_half_its_round_trip_at_most(ahead_us: int, there: int, back: int) -> None:
    found = measure_offset(TimedResponse(b"", NOW_US, there + back), NOW_US + there + ahead_us, 0.0)
    assert abs(found.ms - ahead_us / 1000) <= (there + back) / 2000 + 1e-6
    if there == back:
        assert found.ms == pytest.approx(ahead_us / 1000)


@given(st.integers(-(10**10), 10**10), st.lists(st.tuples(DELAYS, DELAYS), min_size=SAMPLES, max_size=SAMPLES))
def test_of_a_few_answers_the_quickest_is_believed(ahead_us: int, lines: list[Line]) -> None:
    bench = Bench(*lines, ahead_us=ahead_us)
    bench.clocks.measure()
    found = bench.clocks.get_offset_ms("binance")
    assert len(bench.asked) == SAMPLES and found is not None
    assert abs(found - ahead_us / 1000) <= min(there + back for there, back in lines) / 2000 + 1e-6


def test_round_trips_of_more_than_two_seconds_are_not_used() -> None:
    bench = Bench((1_900_000, 200_000))
    bench.clocks.measure()
    assert bench.clocks.get_offset_ms("binance") is None
    bench = Bench((1_900_000, 200_000), (1_900_000, 100_000))
    bench.clocks.measure()
    assert bench.clocks.get_offset_ms("binance") == 900.0


@pytest.mark.parametrize("body", [None, b"<html>", b"{}"])
def test_trouble_leaves_the_last_offset_which_is_forgotten_in_the_end(body: bytes | None) -> None:
    bench = Bench(ahead_us=5_000)
    bench.clocks.measure()
    bench.body = body
    if body is None:
        bench.trouble = lambda url: HttpUnavailableError("gone")
    bench.now = FORGET_S
    for _ in range(3):
        bench.clocks.measure()
    assert bench.clocks.get_offset_ms("binance") == 5.0
    assert bench.log.told == ["the exchange does not tell its time"]
    assert len(bench.asked) == SAMPLES + 3
    bench.now = FORGET_S + 1
    assert bench.clocks.get_offset_ms("binance") is None
    bench.trouble, bench.body = lambda url: None, None
    bench.clocks.measure()
    assert bench.clocks.get_offset_ms("binance") == 5.0


@pytest.mark.parametrize("status", [429, 451])
def test_an_exchange_that_says_wait_is_not_asked_meanwhile(status: int) -> None:
    bench = Bench()
    bench.trouble = lambda url: HttpUnavailableError(f"HTTP {status}", status, 600.0)
    for bench.now in (0.0, 60.0, 599.0):
        bench.clocks.measure()
    assert len(bench.asked) == 1
    bench.now, bench.trouble = 600.0, lambda url: None
    bench.clocks.measure()
    assert len(bench.asked) == 1 + SAMPLES and bench.clocks.get_offset_ms("binance") == 0.0


def test_one_exchange_in_trouble_does_not_keep_the_other_from_its_turn() -> None:
    other = Binance(rest_url="http://127.0.0.1:2", name="other")
    bench = Bench(ahead_us=1_000, exchanges=(Binance(), other))
    bench.trouble = lambda url: None if url.startswith("http://127.0.0.1:2") else HttpUnavailableError("gone")
    bench.clocks.measure()
    assert (bench.clocks.get_offset_ms("binance"), bench.clocks.get_offset_ms("other")) == (None, 1.0)


@pytest.mark.parametrize(("ahead_us", "way"), [(2_500_000, "2.5 s behind"), (-2_500_000, "2.5 s ahead of")])
def test_a_wrong_clock_is_warned_of_once_until_it_is_right_again(ahead_us: int, way: str) -> None:
    bench = Bench(ahead_us=ahead_us)
    for _ in range(3):
        bench.clocks.measure()
        bench.ahead_us += 1_000
    assert f"clock is {way} binance's" in bench.clocks.describe_warning() and "NTP" in bench.clocks.describe_warning()
    assert bench.log.told == [bench.clocks.describe_warning()]
    bench.ahead_us = int(WRONG_MS) * 1000
    bench.clocks.measure()
    assert bench.clocks.describe_warning() == ""
    bench.ahead_us += 1_000
    bench.clocks.measure()
    assert len(bench.log.told) == 2
    bench.now = FORGET_S + 1
    assert bench.clocks.describe_warning() == ""


def test_the_simulator_tells_its_clock_as_both_exchanges_do(tmp_path: Path) -> None:
    stop = threading.Event()
    with simulator(tmp_path) as running:
        base = f"http://127.0.0.1:{running.port}"
        exchanges: tuple[Exchange, ...] = (
            Binance(rest_url=f"{base}/binance", name="sim_binance"),
            Coinbase(rest_url=f"{base}/coinbase", name="sim_coinbase"),
        )
        clocks = ExchangeClocks([(exchange, RestClient(exchange.name)) for exchange in exchanges], stop, Log())
        clocks.start()
        names = [exchange.name for exchange in exchanges]
        for _ in range(200):
            if all(clocks.get_offset_ms(name) is not None for name in names) or stop.wait(0.1):
                break
        stop.set()
        clocks.join(300)
    assert [clocks.get_offset_ms(name) for name in names] == [pytest.approx(0, abs=500)] * 2


@pytest.mark.parametrize(
    ("ahead_s", "lead_s"), [((0, 2_760), 0), ((1_260, 1_260), 1_260), ((1_260,), 1_260), ((-3_600, -3_600), 0), ((), 0)]
)
def test_what_all_clocks_together_show_is_not_moved_by_one(ahead_s: tuple[int, ...], lead_s: int) -> None:
    """One of two exchanges 46 minutes ahead moves nothing; where both agree that ours is slow, it is."""
    exchanges = (Binance(), Coinbase())[: len(ahead_s)]
    bench = Bench(exchanges=exchanges)
    for name, seconds in zip(("binance", "coinbase"), ahead_s, strict=False):
        bench.clocks._set_offset(name, ClockOffset(seconds * 1000.0, 1.0, 0.0))
    bench.clocks._update_lead()
    assert bench.clocks.get_lead() == ClockLead(lead_s * 1_000_000)


def test_the_first_answer_of_all_tells_how_slow_our_clock_is_and_it_is_remembered() -> None:
    bench = Bench(ahead_us=600_000_000)
    assert bench.clocks.get_lead() is None
    found: list[ClockLead | None] = []

    def trouble(_: str) -> Exception | None:
        found.append(bench.clocks.get_lead())
        return None

    bench.trouble = trouble
    bench.clocks.measure()
    assert found == [None, *[ClockLead(600_000_000)] * (SAMPLES - 1)]
    first = bench.clocks.get_lead()
    bench.clocks.measure()
    assert bench.clocks.get_lead() == first and bench.clocks.get_lead() is not first, "another measurement"
    bench.trouble = lambda _: HttpUnavailableError("away")
    bench.now = FORGET_S + 1
    bench.clocks.measure()
    assert bench.clocks.get_offset_ms("binance") is None and bench.clocks.get_lead() == first
