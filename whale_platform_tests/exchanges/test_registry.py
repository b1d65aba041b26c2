from pathlib import Path

import pytest

from whale_platform.exchanges.registry import (
    EXCHANGES,
    SPECS,
    assign_symbols,
    build_adapters,
    check_order_books,
    find_market_kind,
    has_history,
)
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


def check(source: str, exchanges: tuple[str, ...], *symbols: str) -> None:
    found = build_adapters(settings(source=source, exchanges=exchanges))
    check_order_books(found, assign_symbols(found, symbols))


def test_one_order_book_by_two_exchanges_is_refused_where_trades_would_count_twice() -> None:
    both = ("coinbase", "binance", "coinbase_advanced")
    for source in ("live", "replay"):
        with pytest.raises(
            ValueError, match=r"coinbase and coinbase_advanced .* each trade of BTC-USD would count twice"
        ):
            check(source, both, "BTC")
    with pytest.raises(
        ValueError, match="BTC-USD, ETH-USD, SOL-USD and 1 more would count twice: leave one of the two"
    ):
        check("live", both, "BTC", "ETH", "SOL", "XRP", "coinbase:DOGE-USD")
    check("live", both, "coinbase:BTC-USD", "coinbase_advanced:ETH-USD")
    check("live", ("binance", "coinbase_advanced"), "BTC")
    check("simulator", both, "BTC")


def test_an_order_book_is_that_of_a_registered_exchange() -> None:
    assert {spec.order_book_of for spec in SPECS.values()} - {None} <= set(EXCHANGES)
    assert SPECS["coinbase_advanced"].order_book_of == "coinbase"


@pytest.mark.parametrize("name", EXCHANGES)
def test_an_exchange_has_history_where_its_adapter_has_an_address_for_it(name: str) -> None:
    adapter = SPECS[name].adapter()
    assert has_history(name) == has_history(f"sim_{name}") == (adapter.history_url("BTC-USD", 1, 2) is not None)
    assert adapter.shows_earlier or not has_history(name)
