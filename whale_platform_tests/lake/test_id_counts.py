"""The lake's ids by symbol and hour: runs, doubles, imports, the end in the middle of an hour, nothing at all."""

from datetime import timedelta
from pathlib import Path

import pytest

from whale_platform.domain.id_ranges import HeldIds
from whale_platform.lake.analysis import id_counts
from whale_platform.lake.delta import commits, table
from whale_platform.lake.delta.schema import COLUMN_NAMES
from whale_platform.lake.delta.table import HOUR
from whale_platform.lake.duckdb import engine, parquet_writer
from whale_platform.lake.errors import DamagedFileError, LakeNotFoundError
from whale_platform.lake.maintenance import rewrite
from whale_platform_tests.lake.builders import START, lay, swallow, trade

BTC, ETH = ("binance", "BTCUSDT", START), ("binance", "ETHUSDT", START)
NEXT = ("binance", "BTCUSDT", START + HOUR)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "lake" / "trades"


def numbers(held: HeldIds) -> tuple[list[tuple[int, int]], int, int]:
    """Runs, trades, doubled."""
    return list(held.ids), held.trades, held.doubled


def add(root: Path, **columns: str) -> None:
    """One more file in the first hour: a row of trade 0 with these SQL expressions in place of its own."""
    opened = table.open_table(root)
    with engine.connect(root) as connection:
        rows = engine.select_rows(root, [table.list_files(opened, START, START + HOUR)[0].path])
        picked = ", ".join(f"{columns.get(name, name)} AS {name}" for name in COLUMN_NAMES)
        file = parquet_writer.write_sorted(
            connection, f"SELECT {picked} FROM {rows} ORDER BY trade_id LIMIT 1", root, START
        )
    commits.append_files(root, [file], "other", {0: opened.version()}, {})


def test_ids_are_runs_by_symbol_and_hour(root: Path) -> None:
    lay(root, [trade(n) for n in range(3700) if n not in (5, 6, 3000)])
    lay(root, [trade(n, "ETHUSDT") for n in (1, 2, 3)], 4000)
    told: list[tuple[int, int]] = []
    found = id_counts.count_ids(root, START, START + 2 * HOUR, lambda done, whole: told.append((done, whole)))
    assert set(found) == {BTC, ETH, NEXT}
    assert numbers(found[BTC]) == ([(0, 4), (7, 2999), (3001, 3599)], 3597, 0)
    assert (numbers(found[ETH]), numbers(found[NEXT])) == (([(1, 3)], 3, 0), ([(3600, 3699)], 100, 0))
    assert found[BTC].dense and not found[BTC].alone.count
    assert told == [(1, 2), (2, 2)]
    assert id_counts.find_time_span(root) == (START, START + 2 * HOUR)
    assert set(id_counts.count_ids(root, START + HOUR, START + 2 * HOUR)) == {NEXT}


def test_only_what_is_before_the_end_counts(root: Path) -> None:
    lay(root, [trade(n) for n in range(200)])
    found = id_counts.count_ids(root, START, START + timedelta(minutes=2))
    assert numbers(found[BTC]) == ([(0, 119)], 120, 0)


def test_rows_that_are_there_twice_are_doubled(root: Path) -> None:
    lay(root, [trade(n) for n in range(10)])
    lay(root, [trade(n) for n in (3, 4, 4)], 10)
    assert numbers(id_counts.count_ids(root, START, START + HOUR)[BTC]) == ([(0, 9)], 13, 3)


@pytest.mark.parametrize("imported", [False, True])
def test_sums_count_each_trade_once_as_a_rewrite_keeps_them(root: Path, imported: bool) -> None:
    lay(root, [trade(n) for n in range(10) if n != 3])
    if imported:
        swallow(root, START, like=4, first=3)
    lay(root, [trade(n) for n in range(2, 7)], 10)
    lay(root, [trade(n) for n in range(5)] + [trade(n, "ETHUSDT") for n in (1, 1)], 20)
    before = id_counts.count_trades(root, START)
    assert before == {BTC: 10, ETH: 1}
    assert rewrite.rewrite_hour(root, START, {"run": "test"})
    assert id_counts.count_trades(root, START) == before


def test_imported_rows_stand_for_their_fills_and_are_alone_where_kafka_brought_none(root: Path) -> None:
    lay(root, [trade(n) for n in (0, 1, 2, 8)])
    add(root, trade_id="5", fills="3", source="'import'")
    add(root, trade_id="1", fills="4", source="'import'")
    held = id_counts.count_ids(root, START, START + HOUR)[BTC]
    assert numbers(held) == ([(0, 8)], 11, 2)
    assert list(held.alone) == [(3, 7)]


def test_a_symbol_with_any_row_that_is_not_dense_is_not(root: Path) -> None:
    lay(root, [trade(n) for n in (0, 1)])
    add(root, trade_id="9", dense="false")
    assert not id_counts.count_ids(root, START, START + HOUR)[BTC].dense


def test_no_lake_an_empty_one_and_a_broken_one(root: Path) -> None:
    with pytest.raises(LakeNotFoundError):
        id_counts.find_time_span(root)
    table.create_table(root)
    assert (id_counts.find_time_span(root), id_counts.count_ids(root, START, START + HOUR)) == (None, {})
    lay(root, [trade(n) for n in range(10)])
    next(root.glob("date=*/hour=*/*.parquet")).write_bytes(b"PAR1 nothing of use PAR1")
    with pytest.raises(DamagedFileError):
        id_counts.count_ids(root, START, START + HOUR)
