"""The exchange's list of symbols at a start: the kept copy, and hundreds of symbols that are asked for by it."""

from http import HTTPStatus
from pathlib import Path

import pytest

from whale_platform.contracts.raw_trade import decode_trade
from whale_platform.domain import catalogue
from whale_platform.domain.catalogue import SymbolCatalogue
from whale_platform.domain.names import RAW_TRADES
from whale_platform.exchanges.binance.adapter import Binance
from whale_platform.exchanges.coinbase.adapter import Coinbase
from whale_platform.exchanges.registry import assign_symbols, build_adapters
from whale_platform.ingest import service
from whale_platform.ingest.connections import symbol_lister
from whale_platform.ingest.connections.connection_manager import ConnectionManager
from whale_platform.ingest.errors import HttpUnavailableError
from whale_platform.ingest.transport.rest_client import RestClient
from whale_platform_tests.ingest.connections.test_symbol_lister import quick as quick
from whale_platform_tests.ingest.fake_binance import FakeBinance, until
from whale_platform_tests.ingest.fakes import Log, RecordingProducer, pipeline
from whale_platform_tests.simulator.harness import context_of, settings, simulator


def test_a_start_uses_the_kept_list_and_asks_only_where_it_does_not_do(tmp_path: Path) -> None:
    fake = FakeBinance("AAABUSD")
    urls = {"binance_ws_url": fake.ws_url, "binance_rest_url": fake.rest_url}
    given = settings(tmp_path, source="live", exchanges=("binance",), symbols=("AAABUSD",), **urls)
    asked: list[str] = []
    away = HTTPStatus.SERVICE_UNAVAILABLE, ""
    fake.answer = lambda path: asked.append(path) or (away if len(asked) == 1 else None)  # type: ignore[func-returns-value]
    try:
        for requests, symbol in ((1, "AAABUSDUSDT"), (2, "AAABUSD"), (2, "AAABUSD")):  # away; read and kept; kept
            exchanges = build_adapters(given)
            service._read_symbol_lists(context_of(given), exchanges)
            assert (len(asked), assign_symbols(exchanges, given.symbols)["binance"]) == (requests, [symbol])
    finally:
        fake.close()


def test_a_simulated_exchange_of_which_nothing_is_wanted_has_an_empty_list(tmp_path: Path) -> None:
    with simulator(tmp_path, symbols=("BTC/U", "binance:ETHBTC")) as server:
        given = settings(tmp_path, symbols=("BTC/U", "binance:ETHBTC"), simulator_port=server.port)
        exchanges = build_adapters(given, lambda _: SymbolCatalogue())
        service._read_symbol_lists(context_of(given), exchanges)
    assert assign_symbols(exchanges, ["BTC/U"])["sim_binance"] == ["BTCU"]
    assert [len(exchange.listed) for exchange in exchanges] == [2, 0]
    one = exchanges[0].listed.find("BTC", "U")
    assert one is not None and one.trading


def test_a_list_that_is_away_costs_nothing_but_its_news(fake: FakeBinance, tmp_path: Path) -> None:
    fake.answer = lambda path: (HTTPStatus.SERVICE_UNAVAILABLE, "") if "exchangeInfo" in path else None
    exchange = Binance(fake.ws_url, fake.rest_url)
    with pytest.raises(HttpUnavailableError):
        symbol_lister.read_symbol_list(exchange, RestClient("binance"), tmp_path)
    assert exchange.listed.read_at is None and not catalogue.catalogue_path(tmp_path, "binance").exists()


def test_five_hundred_symbols_are_spread_over_connections_and_asked_for_in_messages(
    quick: list[ConnectionManager], tmp_path: Path
) -> None:
    """Against the simulator: every symbol's trades come, over few connections and messages; nothing is in the URL."""
    wanted = [f"C{number:03}" for number in range(500)]
    with simulator(tmp_path, symbols=tuple(wanted), simulator_rate=5_000.0) as server:
        given = settings(tmp_path, symbols=tuple(wanted), simulator_port=server.port)
        exchanges = build_adapters(given)
        for exchange in exchanges:
            symbol_lister.read_symbol_list(exchange, RestClient(exchange.name, simulated=True), tmp_path)
        symbols = assign_symbols(exchanges, wanted)
        producers = []
        for exchange in exchanges:
            names = symbols[exchange.name]
            assert len(names) == 500 and isinstance(exchange, (Binance, Coinbase))
            producers.append(producer := RecordingProducer())
            quick.append(one := ConnectionManager(exchange, names, pipeline(exchange, names, producer), 60.0, Log()))
            one.start()
        for exchange, producer in zip(exchanges, producers, strict=True):
            missing, sent, read = set(symbols[exchange.name]), producer.sent[RAW_TRADES], [0]

            def all_there(missing: set[str] = missing, sent: list[bytes] = sent, read: list[int] = read) -> bool:
                fresh = sent[read[-1] :]  # each once: all of them, again and again, is more and more
                read.append(read[-1] + len(fresh))
                missing -= {decode_trade(value).symbol for value in fresh}
                return not missing

            until(all_there, f"a trade of every symbol of {exchange.name}", pause_s=1.0)
        assert all(one.reconnects == 0 and not one.refused for one in quick)
        # Binance: 167 + 167 + 166 by hundreds; Coinbase: five times 100 by fifties.
        until(lambda: (server.numbers()["connections"], server.numbers()["messages"]) == (3 + 5, 6 + 10), "the counts")
