"""Worlds of trades for back-tests: prices that walk at random, whales among the trades, and a planted move or none."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whale_platform.lake.delta import commits, table
from whale_platform.lake.delta.table import HOUR
from whale_platform.lake.duckdb import engine, parquet_writer
from whale_platform.storage.folders import Folder

START = datetime(2026, 3, 2, tzinfo=UTC)
SYMBOLS = ("BTCUSDT", "ETHUSDT")
EVERY_S = 4  # a trade of each symbol
WHALE_EVERY = 150  # trades
WHALE_USD = 120_000
_ROWS = """
SELECT 'binance' AS exchange, $symbol AS symbol, 'BTC' AS base, 'USDT' AS quote, trade_id, 1 AS fills, true AS dense,
    price::DECIMAL(38,18) AS price, quantity::DECIMAL(38,18) AS quantity, NULL::DECIMAL(38,18) AS notional_wide,
    CASE WHEN sell THEN 'sell' ELSE 'buy' END AS side, make_timestamptz(t) AS event_time,
    make_timestamptz(t + 1000) AS received_time, 'simulated' AS source, NULL::VARCHAR AS taker_order_id,
    0 AS topic_partition, trade_id AS topic_offset
FROM world
"""
Columns = dict[str, NDArray[Any]]


def lay_world(root: Folder, hours: int, seed: int, planted_bp: float) -> int:
    """Write `hours` of trades from START on; after a whale the price moves by `planted_bp` within half a minute.

    Takers of the other trades pay half a basis point each way, as across a spread. Returns the number of whales.
    """
    table.create_table(root)
    whales, worlds = 0, []
    for number, symbol in enumerate(SYMBOLS):
        columns, found = build_market(hours, seed * 10 + number, planted_bp)
        worlds.append((symbol, columns))
        whales += found
    for hour in range(hours):
        start = START + hour * HOUR
        with engine.connect(root) as connection:
            connection.execute(f"CREATE TABLE rows_of_hour AS SELECT {engine.EMPTY_ROW} LIMIT 0")
            for symbol, columns in worlds:
                inside = _within(columns, start)
                connection.register("world", {name: values[inside] for name, values in columns.items()})
                connection.execute(f"INSERT INTO rows_of_hour BY NAME {_ROWS}", {"symbol": symbol})
            file = parquet_writer.write_sorted(connection, "FROM rows_of_hour", root, start)
        commits.append_files(root, [file], "topic", {0: hour + 1}, {"test": True})
    return whales


def build_market(hours: int, seed: int, planted_bp: float) -> tuple[Columns, int]:
    """Return the columns of a market's trades, and how many of them are whales."""
    dice = np.random.default_rng(seed)
    count = hours * 3600 // EVERY_S
    whale = dice.random(count) < 1 / WHALE_EVERY
    sell = dice.random(count) < 0.5
    steps = dice.standard_t(4, count)  # basis points
    for lag in range(1, 8):  # within 28 s
        steps[lag:] += np.where(whale, np.where(sell, -1, 1), 0)[:-lag] * planted_bp / 7
    price = np.round(20_000 * np.exp((np.cumsum(steps) + np.where(sell, -0.5, 0.5)) / 10_000), 2)
    dollars = np.where(whale, WHALE_USD, dice.lognormal(6, 1.5, count).clip(1, 40_000))
    quantity = np.ceil(dollars / price * 1e5) / 1e5
    first = int(START.timestamp()) * 1_000_000
    times = first + np.arange(count) * EVERY_S * 1_000_000 + dice.integers(0, 1_000_000, count)
    return {
        "trade_id": np.arange(1, count + 1),
        "t": times,
        "price": price,
        "quantity": quantity,
        "sell": sell,
    }, int(whale.sum())


def _within(columns: Columns, start: datetime) -> NDArray[np.bool_]:
    first, last = (int((start + hours * timedelta(hours=1)).timestamp()) * 1_000_000 for hours in (0, 1))
    times = columns["t"]
    return np.asarray((times >= first) & (times < last))
