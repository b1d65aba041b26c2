"""Refused symbols that come to life, lists that are refreshed, and hundreds of symbols over several connections."""

import dataclasses
import json
import threading
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from whale_platform.domain import catalogue
from whale_platform.domain.catalogue import ListedPair
from whale_platform.domain.names import DEAD_LETTERS
from whale_platform.exchanges.binance.adapter import Binance
from whale_platform.ingest.connections import connection_manager, symbol_lister
from whale_platform.ingest.connections.connection import Connection
from whale_platform.ingest.connections.connection_manager import ConnectionManager
from whale_platform.ingest.connections.symbol_lister import CAP_S, DAY_S, FIRST_S, SymbolLister
from whale_platform.ingest.errors import HttpUnavailableError
from whale_platform.ingest.transport import websocket as sockets
from whale_platform.ingest.transport.rest_client import RestClient, TimedResponse
from whale_platform_tests.ingest.fake_binance import FakeBinance, until
from whale_platform_tests.ingest.fakes import Log, RecordingProducer, pipeline

A, B, E = "AAAUSDT", "BBBUSDT", "AAAEURO"


class Bench:
    """A lister of a Binance that lists `rows` ((symbol, status) each); nothing connects. `down`: no REST side."""

    def __init__(self, home: Path, *rows: tuple[str, str], symbols: tuple[str, ...] = (A, B)) -> None:
        self.rows, self.down, self.asked = dict(rows), False, list[str]()
        exchange = Binance()
        rest = RestClient("binance", fetch=self._fetch)
        symbol_lister.read_symbol_list(exchange, rest, home)
        self.listed, self.rest, self.home = exchange.listed, rest, home
        self.asked.clear()
        lines = pipeline(exchange, symbols, RecordingProducer())
        self.feed = ConnectionManager(exchange, symbols, lines, 60.0, Log())
        self.fits = True
        self.lister = SymbolLister(lines, self.feed, rest, home, lambda: self.fits, threading.Event(), Log())
        self.clock = exchange.listed.read_at or 0.0

    def step(self, now: float) -> list[str]:
        """What is asked for at `now`: symbols, or `all`."""
        self.asked.clear()
        self.lister.step(now, self.clock)
        return list(self.asked)

    def _fetch(self, url: str, _: float) -> TimedResponse:
        symbol = url.partition("symbol=")[2].partition("&")[0]
        self.asked.append(symbol or "all")
        if self.down:
            raise HttpUnavailableError("away")
        if symbol and symbol not in self.rows:
            raise HttpUnavailableError("unknown", 400)
        found = {symbol: self.rows[symbol]} if symbol else self.rows
        listed = [
            {"symbol": name, "status": status, "baseAsset": name[:-4], "quoteAsset": name[-4:]}
            for name, status in found.items()
        ]
        return TimedResponse(json.dumps({"symbols": listed}).encode(), 0, 0)


def test_a_refused_symbol_is_asked_for_ever_rarer_and_comes_to_life(tmp_path: Path) -> None:
    bench = Bench(tmp_path, (A, "TRADING"))
    assert bench.feed.refused == {B: "the exchange does not list it"} and bench.feed.list_wanted() == [A]
    now, waits = 0.0, []
    for _ in range(9):
        begin = now
        while not bench.step(now):
            now += 10.0
        assert bench.asked == [B]
        waits.append(now - begin)
    assert waits[:3] == [FIRST_S, FIRST_S, 2 * FIRST_S] and max(waits) == waits[-1] == CAP_S
    bench.rows[B] = "BREAK"
    bench.step(now := now + CAP_S)
    assert bench.feed.list_wanted() == [A]
    bench.rows[B] = "TRADING"
    bench.step(now + CAP_S)
    assert bench.feed.refused == {} and bench.feed.list_wanted() == [A, B]
    assert bench.listed.find("BBB", "USDT") is not None


def test_the_list_is_asked_for_again_after_a_day_and_kept(tmp_path: Path) -> None:
    bench = Bench(tmp_path, (A, "TRADING"), (B, "HALT"))
    assert bench.feed.refused == {} and bench.step(0.0) == []
    bench.clock += DAY_S + 1
    bench.down = True
    assert bench.step(10.0) == ["all"] and bench.step(11.0) == [] and bench.step(13.0) == ["all"]
    assert len(bench.listed) == 2, "the last one goes on to be used"
    bench.down = False
    bench.rows = {B: "TRADING"}
    assert bench.step(100.0) == ["all"]
    assert bench.feed.refused == {A: "it does not trade: its status is not listed any more"}
    again = catalogue.load_catalogue(tmp_path, "binance")
    assert again.explain_refusal(B) is None and again.explain_refusal(A) is not None and not bench.lister.outdated


def test_many_refused_symbols_are_asked_for_by_one_request(tmp_path: Path) -> None:
    names = tuple(f"S{number:02}USDT" for number in range(50))
    bench = Bench(tmp_path, (A, "TRADING"), symbols=names)
    bench.step(0.0)
    bench.rows |= dict.fromkeys(names[:30], "TRADING")
    assert bench.step(FIRST_S) == ["all"]
    assert bench.feed.list_wanted() == list(names[:30]) and bench.step(FIRST_S + 1) == []


def test_a_list_that_gives_other_symbols_asks_for_a_new_start(tmp_path: Path) -> None:
    bench = Bench(tmp_path, (A, "TRADING"), (B, "TRADING"))
    bench.clock += DAY_S + 1
    bench.fits = False
    bench.step(0.0)
    assert bench.lister.outdated


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ConnectionManager]]:
    """Feeds that look often; closed after the test."""
    monkeypatch.setattr(sockets, "TICK_S", 0.05)
    monkeypatch.setattr(connection_manager, "LOOK_S", 0.02)
    feeds: list[ConnectionManager] = []
    yield feeds
    for one in feeds:
        one.close()
        assert one.join(300)


def test_a_new_symbol_is_subscribed_in_the_open_connection_when_it_is_listed(
    fake: FakeBinance, quick: list[ConnectionManager], tmp_path: Path
) -> None:
    del fake.last[B]
    fake.last[E] = 999
    exchange = Binance(fake.ws_url, fake.rest_url)
    symbol_lister.read_symbol_list(exchange, rest := RestClient("binance"), tmp_path)
    producer = RecordingProducer()
    lines = pipeline(exchange, (A, B, E), producer)
    quick.append(one := ConnectionManager(exchange, (A, B, E), lines, 60.0, Log()))
    one.start()
    until(lambda: len(fake.clients) == 1, "the connection")
    blind = (
        f"amounts in EURO have a dollar value only while a pair of EURO and a dollar coin is ingested too; "
        f"without one no whale can be found ({E})"
    )
    assert one.describe_status() == f"connected 2 symbols; 1 refused ({B}); {blind}"
    looker = SymbolLister(lines, one, rest, tmp_path, lambda: True, threading.Event(), Log())
    looker.step(0.0, 0.0)
    fake.last[B] = 999
    looker.step(FIRST_S, 0.0)
    until(lambda: f"{B.lower()}@trade" in next(iter(fake.streams.values())), "the subscription")
    fake.trade(A, 3)
    fake.trade(B, 3)
    until(lambda: producer.ids(A) == producer.ids(B) == [1000, 1001, 1002], "the trades of both")
    assert (fake.handshakes, fake.asked) == (
        1,
        [[f"{A.lower()}@trade", f"{E.lower()}@trade"], [f"{B.lower()}@trade"]],
    )
    assert one.describe_status() == f"connected 3 symbols; {blind}"


def test_a_halted_symbol_is_subscribed_and_its_first_trades_come(
    fake: FakeBinance, quick: list[ConnectionManager], tmp_path: Path
) -> None:
    fake.status[B] = "HALT"
    exchange = Binance(fake.ws_url, fake.rest_url)
    symbol_lister.read_symbol_list(exchange, RestClient("binance"), tmp_path)
    producer = RecordingProducer()
    quick.append(one := ConnectionManager(exchange, (A, B), pipeline(exchange, (A, B), producer), 60.0, Log()))
    one.start()
    until(lambda: len(fake.clients) == 1, "the connection")
    assert one.describe_status() == f"connected 2 symbols; not trading now ({B})"
    fake.trade(B, 3)
    until(lambda: producer.ids(B) == [1000, 1001, 1002], "its trades, without being asked for again")


def test_what_can_t_be_read_without_the_list_waits_for_it_and_says_so(
    fake: FakeBinance, quick: list[ConnectionManager], tmp_path: Path
) -> None:
    fake.last[E] = 999
    fake.answer = lambda path: (HTTPStatus.SERVICE_UNAVAILABLE, "") if "exchangeInfo" in path else None
    exchange = Binance(fake.ws_url, fake.rest_url)
    producer = RecordingProducer()
    lines = pipeline(exchange, (A, E, "CCCEURO"), producer)
    quick.append(one := ConnectionManager(exchange, (A, E, "CCCEURO"), lines, 60.0, Log()))
    looker = SymbolLister(lines, one, RestClient("binance"), tmp_path, lambda: True, threading.Event(), Log())
    one.start()
    until(lambda: len(fake.clients) == 1, "the connection")
    fake.trade(E, 3)
    fake.trade(A, 3)
    until(lambda: producer.ids(A) == [1000, 1001, 1002], "the trades that can be read")
    assert producer.sent[DEAD_LETTERS] == [] and fake.asked == [[f"{A.lower()}@trade"]]
    waits = "binance's list of symbols is unavailable, and 2 of them wait for it"
    assert waits in one.describe_silent_symbols() and waits in one.describe_status()
    now, asked = 0.0, []
    while now < 600:
        looker.step(now, 0.0)
        asked.append(looker._whole.until - now)
        now = looker._whole.until
    assert max(asked) == FIRST_S, "a list that symbols wait for is asked for every minute"
    fake.answer = lambda path: None
    looker.step(now, 0.0)
    assert one.describe_silent_symbols() == "" and one.refused == {"CCCEURO": "the exchange does not list it"}
    until(lambda: f"{E.lower()}@trade" in next(iter(fake.streams.values())), "the subscription")
    fake.trade(E, 3)
    until(lambda: producer.ids(E) == [1003, 1004, 1005], "its trades")


def test_a_symbol_accepted_while_a_connection_is_being_made_is_subscribed_on_it(
    fake: FakeBinance, quick: list[ConnectionManager], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = Binance(fake.ws_url, fake.rest_url)
    quick.append(
        one := ConnectionManager(exchange, (A, B), pipeline(exchange, (A, B), RecordingProducer()), 60.0, Log())
    )
    one.refuse(B, "unknown")
    start = Connection.start

    def accept_first(connection: Connection) -> None:
        one.accept(B)
        start(connection)

    monkeypatch.setattr(Connection, "start", accept_first)
    one.start()
    both = {f"{A.lower()}@trade", f"{B.lower()}@trade"}
    until(lambda: both in fake.streams.values(), "the subscription of both")


def test_refused_and_wanted_symbols_are_spread_evenly(tmp_path: Path) -> None:
    exchange = dataclasses.replace(Binance(), symbols_per_connection=10)
    names = tuple(f"S{number:02}USDT" for number in range(31))
    exchange.listed.replace_all([ListedPair(name, name[:3], "USDT", "TRADING", True) for name in names[9:]], 1.0)
    one = ConnectionManager(exchange, names, pipeline(exchange, names, RecordingProducer()), 60.0, Log())
    assert [len(strand.symbols) for strand in one.strands] == [8, 8, 8, 7]
    assert [len(strand.list_wanted()) for strand in one.strands] == [6, 6, 5, 5]
    assert sorted(symbol for strand in one.strands for symbol in strand.symbols) == list(names)
