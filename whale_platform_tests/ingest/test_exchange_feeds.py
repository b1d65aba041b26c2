"""Every exchange with contiguous ids, its adapter in the ingester against its simulated side over sockets.

Frames are lost and damaged on the way, and connections are cut: in the end each trade is published once, in full.
"""

import dataclasses
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from whale_platform.domain.names import DEAD_LETTERS, INGEST_GAPS
from whale_platform.domain.trade import Trade
from whale_platform.exchanges import registry
from whale_platform.exchanges.base import Exchange
from whale_platform.exchanges.registry import EXCHANGES, SPECS
from whale_platform.ingest.backfill.gap_filler import GapFiller
from whale_platform.ingest.backfill.history_client import HistoryClient
from whale_platform.ingest.connections import connection_manager, retry
from whale_platform.ingest.connections.connection_manager import ConnectionManager
from whale_platform.ingest.publishing.pipeline import Pipeline
from whale_platform.ingest.transport.rest_client import RestClient
from whale_platform.simulator.play.symbol_listing import find_pairs, list_simulated
from whale_platform_tests.exchanges.played_fills import PlayedFills, read_fill
from whale_platform_tests.ingest.fake_binance import until
from whale_platform_tests.ingest.fakes import Log, RecordingProducer, pipeline
from whale_platform_tests.simulator.harness import settings, simulator

BASES = ("BTC", "ETH")
DENSE = [name for name in EXCHANGES if SPECS[name].adapter().dense_ids]
CUTS, TRADES_A_LIFE = 3, 120


class LossyNetwork:
    """Implements `Faults`: while `on`, every fifth frame with trades is lost and every thirtieth arrives in part."""

    def __init__(self, exchange: Exchange) -> None:
        self.on = False
        self.lost = self.damaged = self._count = 0
        self._exchange = exchange

    def accept(self, _exchange: str) -> bool:
        return True

    def outgoing(self, _exchange: str, _client: int, payloads: list[bytes]) -> list[bytes]:
        return [sent for one in payloads if (sent := self._transmit(one)) is not None]

    def _transmit(self, payload: bytes) -> bytes | None:
        if not self.on or not any(isinstance(event, Trade) for event in self._exchange.parse(payload, 0)):
            return payload
        self._count += 1
        if self._count % 30 == 29:
            self.damaged += 1
            return payload[: len(payload) // 2]
        if self._count % 5 == 4:
            self.lost += 1
            return None
        return payload


class Ingester:
    """The exchange's part of the ingester, with a producer that remembers."""

    def __init__(self, exchange: Exchange, symbols: list[str]) -> None:
        self.producer = RecordingProducer()
        self.pipeline: Pipeline = pipeline(exchange, symbols, self.producer)
        self.feed = ConnectionManager(exchange, symbols, self.pipeline, 60.0, Log())
        self.stop = threading.Event()
        rest = RestClient(exchange.name, simulated=True, headers=exchange.request_headers)
        self.filler = GapFiller(self.pipeline, self.feed, HistoryClient(exchange, self.stop, rest), self.stop, Log())

    def cut(self) -> None:
        """End every connection as a broken line does."""
        for strand in self.feed.strands:
            for connection in strand.list_connections():
                sock = connection._socket.sock
                if sock is not None:
                    sock.shutdown(socket.SHUT_RDWR)

    def live(self, symbols: list[str], life: int) -> None:
        """Take some trades of each symbol, and cut the connection: the `life`th one."""

        def has_enough() -> bool:
            self.pipeline.tick(1)
            return all(len(self.producer.ids(symbol)) > life * TRADES_A_LIFE for symbol in symbols)

        until(has_enough, "trades", pause_s=0.05)
        self.cut()
        until(lambda: self.feed.reconnects >= life, "the end of a connection")

    def is_whole(self, symbol: str) -> bool:
        self.pipeline.tick(1)
        return self.pipeline.count_open_gaps() == 0 and self.pipeline.lines[symbol].sequencer.blocking_gap is None


@contextmanager
def running(exchange: Exchange, symbols: list[str]) -> Iterator[Ingester]:
    ingester = Ingester(exchange, symbols)
    ingester.feed.start()
    ingester.filler.start()
    try:
        yield ingester
    finally:
        ingester.stop.set()
        ingester.feed.close()
        assert ingester.feed.join(300)
        ingester.filler.join(300)


@pytest.mark.parametrize("name", DENSE)
def test_no_trade_is_lost_or_doubled_over_lost_and_damaged_frames_and_cut_connections(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "FIRST_S", 0.02)
    monkeypatch.setattr(connection_manager, "LOOK_S", 0.02)
    given = settings(tmp_path, exchanges=(name,), symbols=BASES)
    (built,) = registry.build_adapters(given, lambda _: list_simulated(name, BASES))
    exchange = cast(Exchange, dataclasses.replace(cast(Any, built), history_per_second=200.0))
    wanted = registry.assign_symbols([exchange], BASES)[exchange.name]
    pairs = {market[1]: pair for market, pair in find_pairs({name: wanted}, {name: exchange.listed}).items()}
    play, network = PlayedFills(name, pairs), LossyNetwork(exchange)
    with (
        simulator(tmp_path, network, play, simulator_port=given.simulator_port, exchanges=(name,)),
        running(exchange, wanted) as ingester,
    ):
        until(lambda: all(ingester.producer.ids(one) for one in wanted), "the first trades")
        network.on = True
        for life in range(1, CUTS + 1):
            ingester.live(wanted, life)
        network.on = False
        ends = {one: play.fills[name, one][-1].trade_id for one in wanted}
        until(
            lambda: all(ingester.is_whole(one) and max(ingester.producer.ids(one)) > ends[one] for one in wanted),
            "the trades that are missing",
            pause_s=0.05,
        )
    assert network.lost > 50 and network.damaged > 5
    for symbol, pair in pairs.items():
        trades = {trade.trade_id: trade for trade in ingester.producer.trades() if trade.symbol == symbol}
        assert sorted(ingester.producer.ids(symbol)) == list(range(min(trades), max(trades) + 1))
        for trade_id, trade in trades.items():
            fill = play.fills[name, symbol][trade_id - 1]
            expected = read_fill(exchange, pair, fill, trade.received_time, trade.source)
            assert trade._replace(taker_order_id=expected.taker_order_id, sweep=None) == expected
    letters = [json.loads(value) for value in ingester.producer.sent[DEAD_LETTERS]]
    assert [letter for letter in letters if letter["kind"] != "unparseable"] == []
    assert 0 < len(letters) <= network.damaged
    gaps = [json.loads(value) for value in ingester.producer.sent[INGEST_GAPS]]
    assert {row["state"] for row in {(row["symbol"], row["first_id"]): row for row in gaps}.values()} == {"repaired"}
