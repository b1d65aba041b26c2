"""What every registered exchange has to hold, its adapter against its own simulated side, over real sockets."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import pytest
import websocket

from whale_platform.bench.storage.dump_import import pack_dump
from whale_platform.domain.catalogue import ListedPair
from whale_platform.domain.trade import Trade
from whale_platform.exchanges import registry
from whale_platform.exchanges.base import (
    EarlierTrade,
    Event,
    Exchange,
    IgnoredMessage,
    LastTrade,
    SubscriptionConfirmed,
    SymbolRejected,
)
from whale_platform.exchanges.dump_format import DumpedTrade
from whale_platform.exchanges.errors import InvalidFrameError
from whale_platform.exchanges.registry import DUMPS, EXCHANGES, SPECS, WAYS, Way, load_simulated
from whale_platform.ingest.backfill.history_client import HistoryClient
from whale_platform.ingest.errors import HistoryTooShortError, HttpUnavailableError
from whale_platform.ingest.sequencing.backfill_range import BackfillRange
from whale_platform.ingest.transport.rest_client import RestClient
from whale_platform.lake.imports import dump_loader
from whale_platform.lake.imports.dump_file import parse_dump_name
from whale_platform.settings import Settings
from whale_platform.simulator.play.symbol_listing import find_pairs, list_simulated
from whale_platform_tests.exchanges.played_fills import BEFORE, PlayedFills, find_id, read_fill
from whale_platform_tests.simulator.harness import settings, simulator

BASES, NUMBER, RECEIVED = ("BTC", "ETH"), 7, 5
FOLDER = Path(registry.__file__).parent
# Those that show the newest trades alone.
SHORT_HISTORIES = {"binance_us", "bybit", "bybit_linear", "coinbase_advanced"}
WITHOUT_REST = {"hyperliquid"}  # what it shows has to be asked for by POST
SHOWN_AS_LIVE = 100  # older trades that an exchange may send after a subscription like new ones
COARSE_CLOCKS = {"kraken": 500_000}  # µs by which a clock errs that an exchange shows in seconds


class Side:
    """An adapter, and the simulated exchange that it is connected to."""

    def __init__(self, exchange: Exchange, play: PlayedFills, pairs: dict[str, ListedPair]) -> None:
        self.exchange, self.play, self.pairs = exchange, play, pairs
        self.symbols = list(pairs)
        self.rest = RestClient(exchange.name, simulated=True, headers=exchange.request_headers)

    def get(self, url: str | None) -> bytes:
        """Body of a REST response; the test is skipped where the exchange shows nothing of the kind."""
        if url is None:
            assert self.exchange.name in {f"sim_{name}" for name in WITHOUT_REST}
            pytest.skip(f"{self.exchange.name} does not show it")
        return self.rest.fetch(url).body

    def trade(self, symbol: str, trade_id: int) -> Trade:
        """What the adapter has to read of a trade of the stream."""
        (place,) = [place for place in self.play.pairs if place[1] == symbol]
        fill = self.play.fills[place][trade_id - 1]
        return read_fill(self.exchange, self.pairs[symbol], fill, RECEIVED, self.exchange.source)

    def number(self, trade: Trade) -> int:
        """Which of the trades played it is, from 1 on."""
        (fills,) = [fills for place, fills in self.play.fills.items() if place[1] == trade.symbol]
        return next(fill.trade_id for fill in list(fills) if find_id(self.exchange, fill) == trade.trade_id)

    def talk(self, *messages: str, until: Callable[[list[Event]], bool]) -> list[Event]:
        """Events of a connection that sends these messages, until enough has come; but for what is ignored."""
        found: list[Event] = []
        connection = websocket.create_connection(self.exchange.connect_url(), timeout=300)
        try:
            for message in messages:
                connection.send(message)
            while not until(found):
                events = self.exchange.parse(connection.recv(), RECEIVED)
                found += [event for event in events if not isinstance(event, IgnoredMessage)]
        finally:
            connection.close()
        return found


@pytest.fixture(scope="module", params=EXCHANGES)
def side(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    """Each registered exchange, two of its markets listed and played."""
    name, home = request.param, tmp_path_factory.mktemp("home")
    given = settings(home, exchanges=(name,), symbols=BASES)
    (exchange,) = registry.build_adapters(given, lambda _: list_simulated(name, BASES))
    wanted = registry.assign_symbols([exchange], BASES)[exchange.name]
    pairs = {place[1]: pair for place, pair in find_pairs({name: wanted}, {name: exchange.listed}).items()}
    play = PlayedFills(name, pairs)
    with simulator(home, play=play, simulator_port=given.simulator_port, exchanges=(name,)):
        yield Side(exchange, play, pairs)


@pytest.mark.parametrize("name", EXCHANGES)
def test_limits_and_addresses_make_sense(name: str) -> None:
    exchange = SPECS[name].adapter()
    assert exchange.source == "live"
    assert 1 <= exchange.symbols_per_message <= exchange.symbols_per_connection
    assert 0 < exchange.messages_per_second < 1_000 and 0 < exchange.history_per_second < 1_000
    assert 1 <= exchange.history_page <= 10_000
    assert exchange.max_life_s is None or exchange.max_life_s > 60
    assert exchange.keepalive is None or 1 <= exchange.keepalive.interval_s < 60
    assert urlsplit(exchange.ws_url).scheme == "wss" and urlsplit(exchange.rest_url).scheme == "https"
    assert not exchange.ws_url.endswith("/") and not exchange.rest_url.endswith("/")
    assert all(header.isascii() and value.isascii() for header, value in exchange.request_headers)
    assert load_simulated(name).trade_share > 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", EXCHANGES)
def test_every_address_is_a_setting(name: str, way: Way, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    variable, address = f"WHALE_{name.upper()}_{way.upper()}_URL", f"{way}s://127.0.0.1:1/elsewhere"
    monkeypatch.setenv("WHALE_EXCHANGES", name)
    monkeypatch.setenv(variable, f"{address}/")
    found = Settings(_env_file=None, home=tmp_path)  # type: ignore[call-arg]
    assert found.environment()[variable] == f"{address}/"
    (exchange,) = registry.build_adapters(found)
    assert getattr(exchange, f"{way}_url") == address
    rest = [exchange.check_url("A"), exchange.history_url("A", 1, 2), exchange.newest_url("A"), exchange.time_url()]
    urls = [exchange.connect_url()] if way == "ws" else [url for url in rest if url is not None]
    assert all(url.startswith(address) for url in urls)


def test_the_clock_is_read(side: Side) -> None:
    before, coarse = time.time_ns() // 1_000_000 * 1000, COARSE_CLOCKS.get(side.exchange.name.removeprefix("sim_"), 0)
    shown = side.exchange.parse_time(side.get(side.exchange.time_url()))
    assert before - coarse <= shown <= time.time_ns() // 1000 + coarse


def test_the_list_is_read_and_each_of_its_symbols_is_found(side: Side) -> None:
    exchange = side.exchange
    listed = {pair.symbol: pair for pair in exchange.parse_listing(side.get(exchange.listing_url()))}
    assert listed == side.pairs
    for symbol, pair in listed.items():
        assert exchange.parse_listing(side.get(exchange.check_url(symbol))) == [pair]
    try:
        assert exchange.parse_listing(side.get(exchange.check_url("NOSUCH-USD"))) == []
    except HttpUnavailableError as refused:
        assert refused.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)


def test_an_operator_may_write_a_symbol_in_every_way(side: Side) -> None:
    exchange = side.exchange
    names = exchange.name.removeprefix("sim_"), exchange.name
    for symbol, pair in side.pairs.items():
        ways = [pair.base, symbol, symbol.lower(), f"{pair.base}/{pair.quote}", *(f"{at}:{symbol}" for at in names)]
        assert {exchange.symbol(way) for way in ways} == {symbol}
        assert exchange.symbol(f"elsewhere:{symbol}") is None
        assert exchange.unreadable(symbol) is None
    with pytest.raises(ValueError, match="symbol 'B T C'"):
        exchange.symbol("B T C")


def test_a_subscription_is_confirmed_and_every_trade_is_read_exactly(side: Side) -> None:
    wanted = side.symbols

    def enough(events: list[Event]) -> bool:
        seen = [event.symbol for event in events if isinstance(event, Trade)]
        return all(seen.count(symbol) >= 20 for symbol in wanted)

    most = side.exchange.symbols_per_message
    asked = [side.exchange.subscribe(wanted[at : at + most], NUMBER + at) for at in range(0, len(wanted), most)]
    events = side.talk(*asked, until=enough)
    confirmed = [event for event in events if isinstance(event, SubscriptionConfirmed)]
    if confirmed[0].symbols is None:
        assert [event.number for event in confirmed] == [NUMBER]
    else:  # all of them by one message, or each by its own
        symbols = [symbol for event in confirmed for symbol in event.symbols or ()]
        assert sorted(symbols) == sorted(wanted)
    for symbol in wanted:
        trades = [event for event in events if isinstance(event, Trade) and event.symbol == symbol]
        first = side.number(trades[0])
        assert first > BEFORE - SHOWN_AS_LIVE
        assert trades == [side.trade(symbol, first + more) for more in range(len(trades))]
        shown = [event for event in events if isinstance(event, EarlierTrade | LastTrade)]
        shown = [event for event in shown if event.trade.symbol == symbol]
        assert [event.trade for event in shown] == [side.trade(symbol, first - n) for n in range(len(shown), 0, -1)]
        assert [type(event) for event in shown] == [*[EarlierTrade] * (len(shown) - 1), LastTrade][: len(shown)]


def test_a_symbol_that_does_not_exist_harms_no_other(side: Side) -> None:
    """The exchange refuses it, by name or not, or confirms it and stays silent."""
    known, unknown = side.symbols[0], side.symbols[0].replace("BTC", "NOSUCH")
    answer = side.talk(side.exchange.subscribe([unknown], NUMBER), until=bool)[0]
    if isinstance(answer, SymbolRejected):
        assert answer.symbol in ("", unknown) and answer.reason and answer.number in (None, NUMBER)
    else:
        assert isinstance(answer, SubscriptionConfirmed)
    both = [side.exchange.subscribe([one], NUMBER) for one in (unknown, known)]
    events = side.talk(*both, until=lambda events: any(isinstance(event, Trade) for event in events))
    assert {event.symbol for event in events if isinstance(event, Trade)} == {known}


def test_a_message_that_the_exchange_does_not_understand_is_an_error(side: Side) -> None:
    with pytest.raises(InvalidFrameError, match="the exchange reports an error"):
        side.talk('{"nonsense":true}', until=bool)


def test_history_is_read_exactly_page_by_page_or_refused(side: Side) -> None:
    """What comes is whole. An exchange that does not show trades of some age must not be taken to lack them.

    Only one of `SHORT_HISTORIES` may refuse; then what it shows above is whole.
    """
    history = HistoryClient(side.exchange, threading.Event(), side.rest)
    symbol, page = side.symbols[0], side.exchange.history_page
    if side.exchange.history_url(symbol, 1, 2) is None:
        with pytest.raises(HistoryTooShortError, match="shows no history"):
            history.fetch_trades(symbol, BackfillRange(1, 2, "background"))
        assert history.fetch_newest(symbol, 1) is None
        return
    newest = history.fetch_newest(symbol, BEFORE - 3)
    assert newest is not None and newest.trade_id >= BEFORE
    ranges = [(newest.trade_id - 50, newest.trade_id - 10), (200, 240), (200, 200 + page + 50), (1, 1)]
    refusing = set()
    for number, (first, last) in enumerate(ranges):
        try:
            found = history.fetch_trades(symbol, BackfillRange(first, last, "background"))
        except HistoryTooShortError as short:
            refusing.add(side.exchange.name.removeprefix("sim_"))
            found, begin = dict(short.page), min(short.page)
            assert number > 0 and begin > first
            first, last = begin, begin + page - 1
        for trade_id in range(first, last + 1):
            expected = side.trade(symbol, trade_id)._replace(source="repair")
            shown = found[trade_id]._replace(received_time=RECEIVED)
            assert shown in (expected, expected._replace(taker_order_id=None))
    assert refusing == SHORT_HISTORIES & {side.exchange.name.removeprefix("sim_")}
    with pytest.raises(HttpUnavailableError):
        history.fetch_newest("NOSUCH-USD")


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, known in DUMPS.items() for kind in known.kinds])
def test_a_dump_is_read_as_it_was_written(tmp_path: Path, name: str, kind: str) -> None:
    known = DUMPS[name]
    example = known.file_name.fullmatch(known.example)
    assert example is not None
    start = datetime.fromisoformat("-".join(example.group("year", "month", "day"))).replace(tzinfo=UTC)
    ms = int(start.timestamp()) * 1000
    trades = [DumpedTrade(9 + n, (n + 1) * 10**7, (n + 5) * 10**4, ms + 60_000 * n, n % 3 == 0) for n in range(100)]
    path = tmp_path / known.example.replace(example["kind"], kind)
    pack_dump(path, [str(known.kinds[kind]), *known.encode(kind, trades)])
    dump = parse_dump_name(name, path, lambda symbol: ("A", "B"))
    loaded = dump_loader.load_dump(dump, tmp_path, lambda what, done, of: None)
    assert (dump.exchange, dump.kind, dump.start, loaded.rows, loaded.checked) == (name, kind, start, 100, True)
    rows = duckdb.execute(
        f"""SELECT first, (price * 100000000)::BIGINT, (quantity * 100000000)::BIGINT, "time" * {loaded.unit} // 1000,
        maker FROM read_parquet('{loaded.file}') ORDER BY first"""
    ).fetchall()
    assert rows == trades
