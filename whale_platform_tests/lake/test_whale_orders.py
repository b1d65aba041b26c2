"""Orders of exchanges whose trade ids have no order, such as hashes: each counts once, whatever its fills' ids are."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from whale_platform.domain.suggestion import SuggestionRange
from whale_platform.domain.trade import Trade
from whale_platform.lake.analysis.order_sizes import read_market_orders
from whale_platform.lake.analysis.sweep_truth import count_sweeps
from whale_platform.lake.analysis.whale_orders import OrdersRequest, read_whale_orders
from whale_platform.lake.delta import table
from whale_platform.lake.delta.table import HOUR
from whale_platform.lake.duckdb import engine
from whale_platform_tests.lake.builders import START, lay, trade

IDS = (900, 100, 500)  # the first fill's is the highest, the last one's between the others


def make_fill(trade_id: int, order: str) -> Trade:
    """A fill of $60,000, a whale by itself."""
    return trade(1)._replace(
        exchange="hyperliquid",
        symbol="BTC",
        base="BTC",
        quote="USD",
        trade_id=trade_id,
        price=Decimal(100),
        quantity=Decimal(600),
        taker_order_id=order,
        dense=False,
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An order of three fills, and one of a single fill in the same moment."""
    root = tmp_path / "lake" / "trades"
    lay(root, [*(make_fill(number, "0xa") for number in IDS), make_fill(600, "0xb")])
    return root


def test_fills_of_a_sweep_are_no_orders_of_their_own(root: Path) -> None:
    paths = [file.path for file in table.list_files(table.open_table(root))]
    with engine.connect(root) as connection:
        asked = OrdersRequest(paths, START, START + HOUR, lambda *_: Decimal(50_000))
        orders = read_whale_orders(connection, root, asked)
    assert {(order.kind, order.trade_id, order.usd) for order in orders} == {
        ("sweep", 900, Decimal(180_000)),
        ("single_trade", 600, Decimal(60_000)),
    }
    assert len(orders) == 2


def test_each_market_has_its_floor_and_one_without_has_none(root: Path) -> None:
    ordinary = [
        trade(number, symbol, quantity="600") for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT") for number in (1, 2)
    ]
    lay(root, ordinary, first_offset=4)
    paths = [file.path for file in table.list_files(table.open_table(root))]
    floors = {"BTCUSDT": Decimal(60_300), "ETHUSDT": Decimal(60_301)}
    with engine.connect(root) as connection:
        asked = OrdersRequest(paths, START, START + timedelta(seconds=2), lambda _, symbol: floors.get(symbol))
        orders = read_whale_orders(connection, root, asked)
    assert [(order.symbol, order.trade_id) for order in orders] == [("BTCUSDT", 1)], "the second comes at the end"


def test_suggestions_count_it_once(root: Path) -> None:
    [market] = read_market_orders(root, SuggestionRange(START + HOUR, days=1))
    assert [size.usd for size in market.sizes] == [180_000, 60_000]


def test_a_sweep_with_exactly_the_fills_of_an_order_is_right(root: Path) -> None:
    paths = [file.path for file in table.list_files(table.open_table(root))]
    with engine.connect(root) as connection:
        counts = count_sweeps(connection, root, paths, "as alerted")
    assert {(one.actual, one.found, one.correct) for one in counts} == {(1, 1, 1)}
