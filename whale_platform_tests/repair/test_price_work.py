"""What the process that stores prices around whales does with whales that it can't price."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from whale_platform.lake.delta import table
from whale_platform.repair import price_rows
from whale_platform.repair.price_work import store_due_prices
from whale_platform.storage.folders import Folder
from whale_platform.stores.asset_tables import whale_prices
from whale_platform.stores.asset_tables.materialisation import HOUR
from whale_platform.stores.asset_tables.whale_prices import WhalePriceRow, WhaleRef
from whale_platform_tests.lake.builders import START, lay, trade
from whale_platform_tests.repair.context_oracle import PlainWhale, build_rows, build_windows
from whale_platform_tests.stores.asset_tables.test_materialisation import MAKER, store
from whale_platform_tests.support.postgres_server import database, empty_database, postgres_server, query

__all__ = ["database", "empty_database", "postgres_server"]

LOCKED = "SELECT NOT pg_try_advisory_xact_lock(hashtext('make whale_prices'))"
PRICES = "SELECT trade_id, after_15 IS NOT NULL, settled FROM whale_prices ORDER BY trade_id"


@pytest.fixture
def root(database: str, tmp_path: Path) -> Path:
    """A lake of a trade each ten minutes over six hours and a half, with a whale in some of the hours."""
    root, trades = tmp_path / "lake" / "trades", [trade(number, every_s=600) for number in range(40)]
    lay(root, trades)
    whales = [PlainWhale([trades[number]]) for number in (3, 9, 20, 27)]
    store(database, build_windows(trades), build_rows(whales, whales[0].notional))
    return root


def damage(root: Path, hour: int) -> None:
    (file,) = (file for file in table.list_files(table.open_table(root)) if file.start == START + hour * HOUR)
    (root / file.path).write_bytes(b"x" * file.size)


def watch_lock(dsn: str, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether nobody else could have made prices, each time that the lake was asked for some."""
    locked, find = list[bool](), price_rows.find_whale_prices

    def find_and_look(root: Folder, whales: Iterable[WhaleRef]) -> list[WhalePriceRow]:
        locked.append(query(dsn, LOCKED)[0][0])
        return find(root, whales)

    monkeypatch.setattr(price_rows, "find_whale_prices", find_and_look)
    return locked


def test_a_damaged_file_costs_no_whale_of_another_hour_its_prices(database: str, root: Path) -> None:
    damage(root, 1)
    done = store_due_prices(root, database, MAKER)
    assert list(done.damaged) == [START + HOUR] and "restore" in done.damaged[START + HOUR]
    assert query(database, PRICES) == [(3, True, True), (9, False, True), (20, True, True), (27, True, True)]
    assert whale_prices.read_due_whales(database, 9) == [], "the whale of the damaged hour is given up"


def test_a_whale_of_a_damaged_hour_has_its_prices_when_the_file_is_whole_in_time(database: str, root: Path) -> None:
    (file,) = (file for file in table.list_files(table.open_table(root)) if file.start == START + 4 * HOUR)
    whole = (root / file.path).read_bytes()
    query(database, "DELETE FROM trade_windows WHERE window_start > %s", START + timedelta(hours=6))
    damage(root, 4)
    assert list(store_due_prices(root, database, MAKER).damaged) == [START + 4 * HOUR]
    assert [one.trade_id for one in whale_prices.read_due_whales(database, 9)] == [27]
    (root / file.path).write_bytes(whole)
    assert not store_due_prices(root, database, MAKER).damaged
    assert query(database, PRICES)[-1] == (27, True, True)


def test_the_lake_is_read_while_nobody_else_makes_prices(
    database: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = watch_lock(database, monkeypatch)
    store_due_prices(root, database, MAKER)
    assert locked == [True] * 4, "of each hour with a whale"
