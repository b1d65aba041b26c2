from pathlib import Path

import pytest

from whale_platform.exchanges.registry import EXCHANGES, SPECS, assign_symbols, build_adapters, find_market_kind
from whale_platform.settings import Settings


def settings(**given: object) -> Settings:
    return Settings(_env_file=None, home=Path("unused"), **given)  # type: ignore[arg-type, call-arg]


@pytest.mark.parametrize(
    ("source", "names", "mark"),
    [
        ("live", ["binance", "coinbase"], "live"),
        ("simulator", ["sim_binance", "sim_coinbase"], "simulated"),
        ("replay", ["binance", "coinbase"], "replay"),
    ],
)
def test_names_and_marks_follow_the_source(source: str, names: list[str], mark: str) -> None:
    found = build_adapters(settings(source=source))
    assert [exchange.name for exchange in found] == names
    assert [getattr(exchange, "source", None) for exchange in found] == [mark, mark]


def test_selection_addresses_and_unknown_names() -> None:
    (only,) = build_adapters(settings(exchanges=("coinbase",), coinbase_ws_url="ws://127.0.0.1:1/coinbase/"))
    assert only.connect_url() == "ws://127.0.0.1:1/coinbase"
    with pytest.raises(ValueError, match="unknown exchange 'nosuch'"):
        build_adapters(settings(exchanges=("binance", "nosuch")))


def test_symbols_are_assigned_once_and_in_order() -> None:
    found = assign_symbols(
        build_adapters(settings(source="simulator")), ["ETH", "BTCUSDT", "binance:BTC", "BTC-USDC", "sim_binance:SOL"]
    )
    assert found == {"sim_binance": ["ETHUSDT", "BTCUSDT", "SOLUSDT"], "sim_coinbase": ["ETH-USD", "BTC-USD"]}


def test_two_currencies_mean_each_exchange_also_where_one_spells_its_symbols_so() -> None:
    found = assign_symbols(build_adapters(settings(exchanges=("coinbase", "kraken"))), ["BTC/USD", "ETH"])
    assert found == {"coinbase": ["BTC-USD", "ETH-USD"], "kraken": ["BTC/USD", "ETH/USD"]}


def test_a_symbol_that_nobody_takes_is_an_error() -> None:
    with pytest.raises(ValueError, match="'nosuch:BTC' belongs to none of the exchanges binance, coinbase"):
        assign_symbols(build_adapters(settings()), ["BTC", "nosuch:BTC"])


def test_what_an_operator_writes_comes_to_the_services_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of any script, and with an exchange before it: a colon separates files, not symbols."""
    wanted = settings(symbols="BTC,币安人生,coinbase:SOL-USD, binance:币安币USDT")
    for name, value in wanted.environment().items():
        monkeypatch.setenv(name, value)
    again = Settings(_env_file=None)  # type: ignore[call-arg]
    assert again.symbols == wanted.symbols
    assert assign_symbols(build_adapters(again), again.symbols) == {
        "binance": ["BTCUSDT", "币安人生USDT", "币安币USDT"],
        "coinbase": ["BTC-USD", "币安人生-USD", "SOL-USD"],
    }


def test_the_kind_of_an_exchange_is_that_of_its_simulated_side() -> None:
    kinds = {name: find_market_kind(name) for name in EXCHANGES}
    assert kinds == {name: SPECS[name].market_kind for name in EXCHANGES}
    assert kinds == {name: find_market_kind(f"sim_{name}") for name in EXCHANGES}
    assert (kinds["binance"], find_market_kind("elsewhere")) == ("spot", "spot")
