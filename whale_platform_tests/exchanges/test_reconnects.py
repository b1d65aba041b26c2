"""Adapters at work against their simulated sides over sockets: connections that end, trades missed, frames garbled."""

import asyncio
import dataclasses
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from whale_platform.domain.catalogue import ListedPair
from whale_platform.domain.names import DEAD_LETTERS, INGEST_GAPS
from whale_platform.exchanges import registry
from whale_platform.exchanges.base import Exchange
from whale_platform.exchanges.simulation.play import FillPublisher, MarketKey
from whale_platform.ingest.backfill import gap_filler
from whale_platform.ingest.backfill.gap_filler import GapFiller
from whale_platform.ingest.backfill.history_client import HistoryClient
from whale_platform.ingest.connections import connection, connection_manager, retry
from whale_platform.ingest.connections.connection_manager import ConnectionManager
from whale_platform.ingest.sequencing.gap import SequenceGap, decode_gap
from whale_platform.ingest.transport import websocket as sockets
from whale_platform.ingest.transport.rest_client import RestClient
from whale_platform.simulator.play.symbol_listing import find_pairs, list_simulated
from whale_platform.simulator.serving.faults import NoFaults
from whale_platform_tests.exchanges.played_fills import BEFORE, PlayedFills, find_id
from whale_platform_tests.ingest.fake_binance import until
from whale_platform_tests.ingest.fakes import Log, RecordingProducer, pipeline
from whale_platform_tests.simulator.harness import settings, simulator

VENUES = ("binance_block", "bybit", "bybit_linear", "hyperliquid", "coinbase_advanced", "bybit_liquidation")
RESENDING = VENUES[:-1]  # those that show, by history or after a subscription, what was before
SPARSE = tuple(name for name in VENUES if not registry.SPECS[name].adapter().dense_ids)


class SteppedFills(PlayedFills):
    """Trades as often as a test says, and only while somebody listens; those of `miss` are sent to nobody."""

    def __init__(self, exchange: str, pairs: Mapping[str, ListedPair]) -> None:
        super().__init__(exchange, pairs)
        self.due: Counter[MarketKey] = Counter()
        self._lock = threading.Lock()

    def trade(self, count: int) -> None:
        """Play `count` trades of each market."""
        with self._lock:
            self.due.update(dict.fromkeys(self.pairs, count))

    def miss(self, count: int) -> None:
        """The same, sent to nobody: the connection that is open ends next."""
        for market in self.pairs:
            for _ in range(count):
                self._trade(market)

    async def run(self, audience: FillPublisher, stop: threading.Event, save: Callable[[], None]) -> None:
        while not stop.is_set():
            for market in audience.listening():
                with self._lock:
                    due, self.due[market] = self.due[market], 0
                for _ in range(due):
                    audience.publish(self._trade(market))
                    audience.flush()
            await asyncio.sleep(0.01)


class GarbledFrames(NoFaults):
    """Cuts, or loses, the frame of the trade whose price a test names; `cut` and `lost` count them."""

    def __init__(self) -> None:
        self.wanted = self.unwanted = b""
        self.cut = self.lost = 0

    def outgoing(self, _exchange: str, _client: int, payloads: list[bytes]) -> list[bytes]:
        sent = [payload for payload in payloads if not (self.unwanted and self.unwanted in payload)]
        self.lost += len(payloads) - len(sent)
        found = [payload[:-9] if self.wanted and self.wanted in payload else payload for payload in sent]
        self.cut += found != sent
        return found


class Ingested:
    """One market of an exchange on its way from the simulated side to a producer."""

    def __init__(self, exchange: Exchange, symbol: str, play: SteppedFills, faults: GarbledFrames) -> None:
        self.exchange, self.symbol, self.play, self.faults = exchange, symbol, play, faults
        self.producer = RecordingProducer()
        self._numbers: dict[int, int] = {}
        self.stop = threading.Event()
        line = pipeline(exchange, (symbol,), self.producer)
        self.feed = ConnectionManager(exchange, (symbol,), line, 600.0, Log())
        rest = RestClient(exchange.name, simulated=True, headers=exchange.request_headers)
        self.filler = GapFiller(line, self.feed, HistoryClient(exchange, self.stop, rest), self.stop, Log())

    def ids(self) -> list[int]:
        """The numbers, in which they were played, of what was published."""
        return [self.number(trade_id) for trade_id in self.producer.ids(self.symbol)]

    def number(self, trade_id: int) -> int:
        """Which of the trades played has this id."""
        (fills,) = self.play.fills.values()
        for fill in fills[len(self._numbers) :]:
            self._numbers[find_id(self.exchange, fill)] = fill.trade_id
        return self._numbers[trade_id]

    def gaps(self) -> list[SequenceGap]:
        """The rows of the ledger, as they were written last."""
        rows = (decode_gap(value)[1] for value in list(self.producer.sent[INGEST_GAPS]))
        return list({gap.first_id: gap for gap in rows}.values())

    def last(self) -> int:
        """The id of the trade played last."""
        (fills,) = self.play.fills.values()
        return len(fills)

    def trade(self, count: int) -> None:
        """Wait until so many trades have been played to whoever listens."""
        wanted = self.last() + count
        self.play.trade(count)
        until(lambda: self.last() == wanted, "somebody who listens")

    def drop(self) -> None:
        """End the connection and wait for that."""
        before = self.feed.reconnects
        for one in self.feed._list_connections():
            one.close()
        until(lambda: self.feed.reconnects > before, "the end of the connection")

    def expect(self, *missing: int) -> None:
        """Wait until all from `BEFORE` on is published once, but for `missing`."""
        wanted = set(range(BEFORE + 1, self.last() + 1)) - set(missing)
        until(lambda: wanted <= set(self.ids()), f"the trades {sorted(wanted - set(self.ids()))[:5]}")
        assert len(self.ids()) == len(set(self.ids()))
        assert all(number <= BEFORE for number in set(self.ids()) - wanted), "but for what was shown of before"


@contextmanager
def ingest(name: str, home: Path) -> Iterator[Ingested]:
    """Run the exchange `name`, its simulated side and what ingests it."""
    given = settings(home, exchanges=(name,), symbols=("BTC",))
    (exchange,) = registry.build_adapters(given, lambda _: list_simulated(name, ("BTC",)))
    if exchange.keepalive is not None:
        often = dataclasses.replace(exchange.keepalive, interval_s=0.2)
        exchange = cast(Exchange, dataclasses.replace(cast(Any, exchange), keepalive=often))
    (symbol,) = registry.assign_symbols([exchange], ("BTC",))[exchange.name]
    pairs = {market[1]: pair for market, pair in find_pairs({name: (symbol,)}, {name: exchange.listed}).items()}
    play, faults = SteppedFills(name, dict(pairs)), GarbledFrames()
    with simulator(home, faults, play, simulator_port=given.simulator_port, exchanges=(name,)):
        found = Ingested(exchange, symbol, play, faults)
        found.feed.start()
        found.filler.start()
        try:
            yield found
        finally:
            found.stop.set()
            found.feed.close()
            assert found.feed.join(300)
            found.filler.join(300)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "TICK_S", 0.05)
    monkeypatch.setattr(retry, "FIRST_S", 0.02)
    monkeypatch.setattr(connection_manager, "LOOK_S", 0.02)
    monkeypatch.setattr(gap_filler, "IDLE_S", 0.05)


@pytest.mark.parametrize("name", RESENDING)
def test_what_was_missed_between_two_connections_is_filled_in(name: str, tmp_path: Path) -> None:
    with ingest(name, tmp_path) as market:
        market.trade(30)
        market.expect()
        for _ in range(2):
            market.play.miss(20)
            market.drop()
            market.trade(10)
            market.expect()
        assert {gap.state for gap in market.gaps()} <= {"repaired"}
        assert market.producer.sent[DEAD_LETTERS] == []


@pytest.mark.parametrize("name", SPARSE)
def test_what_is_missed_beyond_all_that_is_shown_is_on_record(name: str, tmp_path: Path) -> None:
    with ingest(name, tmp_path) as market:
        market.trade(5)
        market.expect()
        before = market.last()
        market.play.miss(1_500)  # more than any of them shows
        market.drop()
        market.trade(1)
        until(lambda: any(gap.state == "unrepaired" for gap in market.gaps()), "the loss")
        (gap,) = market.gaps()
        first = market.number(gap.first_id)
        assert before + 1 < first <= market.last() and gap.first_id == gap.last_id
        market.expect(*range(before + 1, first))


@pytest.mark.parametrize("name", VENUES)
def test_a_frame_that_cannot_be_read_is_kept_and_harms_no_other(name: str, tmp_path: Path) -> None:
    """With contiguous ids the trade comes from history, without them it is in the dead letters alone."""
    with ingest(name, tmp_path) as market:
        market.trade(3)
        market.expect()
        lost = market.last() + 1
        market.faults.wanted = f"{61_000 + lost}.".encode()
        market.trade(1)
        until(lambda: len(market.producer.sent[DEAD_LETTERS]) == market.faults.cut == 1, "the dead letter")
        market.faults.wanted = b""
        market.trade(3)
        market.expect(*(() if market.exchange.dense_ids else (lost,)))


def test_a_lost_message_renews_a_connection_whose_messages_are_numbered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lost trade is the last one, so no later one shows a gap: the next subscription brings it."""
    monkeypatch.setattr(connection, "RENEW_AFTER_S", 0.0)
    with ingest("coinbase_advanced", tmp_path) as market:
        market.trade(5)
        market.expect()
        market.faults.unwanted = f"{61_000 + market.last() + 1}.".encode()
        market.trade(1)
        until(lambda: market.faults.lost == 1, "the loss")
        market.faults.unwanted = b""
        market.expect()
        assert market.gaps() == [] and market.feed.reconnects == 0, "the old connection is kept until the new one is up"
