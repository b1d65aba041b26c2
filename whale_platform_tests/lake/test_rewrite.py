"""One hour made anew: each trade once, exact, small; aggregates and damage; space that runs out; vacuum and readers."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from whale_platform.contracts import raw_trade
from whale_platform.domain.deletion_limits import UnconfirmedDeletionError
from whale_platform.lake.delta import table
from whale_platform.lake.delta.schema import COLUMN_NAMES, COLUMNS
from whale_platform.lake.duckdb import engine
from whale_platform.lake.errors import DamagedFileError, DiskFullError, FileMissingError, LakeError
from whale_platform.lake.maintenance import kafka_spool, retention, rewrite
from whale_platform_tests.lake.builders import START, captured, ids, lay, trade
from whale_platform_tests.support.small_disks import fill_disk


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "lake" / "trades"


def read(root: Path, what: str) -> list[tuple[Any, ...]]:
    paths = [file.path for file in table.list_files(table.open_table(root))]
    with engine.connect(root) as connection:
        return connection.execute(f"SELECT {what} FROM {engine.select_trades(root, paths)} ORDER BY ALL").fetchall()


def test_many_files_become_one_sorted_one(root: Path) -> None:
    numbers = list(range(60))
    random.Random(1).shuffle(numbers)
    for n, number in enumerate(numbers):
        lay(root, [trade(number, symbol="ETHUSDT" if number % 3 else "BTCUSDT")], first_offset=n)
    before = read(root, "*")
    done = rewrite.rewrite_hour(root, START, {})
    assert done is not None
    assert (done.files_before, done.files_after, done.rows_after) == (60, 1, 60)
    assert read(root, "*") == before
    assert done.bytes_after < done.bytes_before
    assert table.read_position(table.open_table(root), "topic", 0) == 60
    assert rewrite.rewrite_hour(root, START, {}) is None, "and again changes nothing"
    (file,) = table.list_files(table.open_table(root))
    with engine.connect(root) as connection:
        rows = connection.execute(f"SELECT symbol, trade_id FROM {engine.select_rows(root, [file.path])}").fetchall()
    assert rows == sorted(rows)


@settings(max_examples=20, deadline=None)
@given(
    price=st.decimals(Decimal("1e-12"), Decimal("1e9"), places=12).filter(lambda price: price > 0),
    quantity=st.decimals(Decimal("1e-6"), Decimal("1e15"), places=6).filter(lambda quantity: quantity > 0),
)
def test_numbers_stay_exact(tmp_path_factory: pytest.TempPathFactory, price: Decimal, quantity: Decimal) -> None:
    root = tmp_path_factory.mktemp("exact") / "trades"
    one = trade(1)._replace(price=price, quantity=quantity)
    assume(one.notional <= Decimal("1e12"))
    lay(root, [one, trade(2)])
    rewrite.rewrite_hour(root, START, {})
    assert read(root, "price, quantity, notional, trade_id")[-2:] == sorted(
        [(price, quantity, one.notional, 1), (Decimal("100.5"), Decimal(2), Decimal(201), 2)]
    )


def test_a_trade_that_came_twice_stays_once_as_it_came_first(root: Path) -> None:
    lay(root, [trade(1), trade(2)])
    lay(root, [trade(2)._replace(source="repair"), trade(3)], first_offset=2)
    done = rewrite.rewrite_hour(root, START, {})
    assert done is not None
    assert (done.rows_before, done.rows_after) == (4, 3)
    assert read(root, "trade_id, source") == [(1, "live"), (2, "live"), (3, "live")]


def aggregate(first: int, fills: int, quantity: str) -> str:
    time = trade(first).event_time
    row = {column.name: f"NULL::{column.duck}" for column in COLUMNS} | {
        "exchange": "'binance'",
        "symbol": "'BTCUSDT'",
        "base": "'BTC'",
        "quote": "'USDT'",
        "trade_id": str(first),
        "fills": str(fills),
        "dense": "true",
        "price": "100.5",
        "quantity": quantity,
        "side": "'buy'",
        "event_time": f"make_timestamptz({time})",
        "source": "'import'",
    }
    return "SELECT " + ", ".join(f"{row[name]} AS {name}" for name in COLUMN_NAMES)


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ([], [(10, 3)]),
        ([10, 11, 12], [(10, 1), (11, 1), (12, 1)]),
        ([10, 11], [(10, 3)]),
        ([12], [(10, 3)]),
        ([9, 13], [(9, 1), (10, 3), (13, 1)]),
    ],
)
def test_an_aggregate_stands_for_fills_that_are_not_all_there(
    root: Path, there: list[int], expected: list[tuple[int, int]]
) -> None:
    lay(root, [trade(number) for number in there] or [trade(100)])
    rewrite.rewrite_hour(root, START, {}, lambda _: aggregate(10, 3, "6"))
    found = read(root, "trade_id, fills, quantity")
    assert [row[:2] for row in found if row[0] != 100] == expected
    assert sum(row[2] for row in found if 10 <= row[0] <= 12) == 6


def test_a_truncated_file_is_named_and_can_be_made_anew(root: Path, tmp_path: Path) -> None:
    lay(root, [trade(number) for number in range(50)])
    lay(root, [trade(number) for number in range(50, 99)], first_offset=50)
    victim = root / table.list_files(table.open_table(root))[0].path
    victim.write_bytes(victim.read_bytes()[:-400])
    version = table.open_table(root).version()
    for broken in (lambda: rewrite.rewrite_hour(root, START, {}), lambda: ids(root)):
        with pytest.raises(DamagedFileError, match=r"date=2026-01-02/hour=10/.*whale lake restore"):
            broken()
    assert table.open_table(root).version() == version
    path = tmp_path / "messages.json"
    kafka_spool.spool_messages(
        path, [(0, number, raw_trade.encode_trade(trade(number))) for number in range(99)], START
    )
    done = rewrite.rewrite_hour(root, START, {}, lambda _: kafka_spool.select_spooled(path), without_damaged=True)
    assert done is not None
    assert ids(root) == [("BTCUSDT", number) for number in range(99)]


def test_what_a_check_refuses_changes_nothing(root: Path) -> None:
    lay(root, [trade(1)])
    lay(root, [trade(2)], first_offset=1)
    before = sorted(root.rglob("*"))

    def refuse(rows: int) -> None:
        raise LakeError(f"{rows} is not enough")

    with pytest.raises(LakeError, match="2 is not enough"):
        rewrite.rewrite_hour(root, START, {}, check=refuse)
    assert sorted(root.rglob("*")) == before


def test_a_full_disk_says_so_and_changes_nothing(small_disk: Path) -> None:
    root = small_disk / "trades"
    for part in range(3):
        lay(root, [trade(part * 100 + number) for number in range(100)], first_offset=part * 100)
    (root.parent / "laid.json").unlink()
    version, there = table.open_table(root).version(), ids(root)
    ballast = fill_disk(small_disk)
    with pytest.raises(DiskFullError, match="free some"):
        rewrite.rewrite_hour(root, START, {})
    ballast.unlink()
    assert table.open_table(root).version() == version
    assert ids(root) == there
    assert rewrite.rewrite_hour(root, START, {}) is not None, "and goes on once there is space"
    assert ids(root) == there


def test_vacuum_leaves_what_a_reader_still_needs_for_a_day(root: Path) -> None:
    lay(root, [trade(1)])
    lay(root, [trade(2)], first_offset=1)
    old = [file.path for file in table.list_files(table.open_table(root))]
    rewrite.rewrite_hour(root, START, {})
    assert retention.vacuum(root).paths == ()
    with engine.connect(root) as connection:
        query = f"SELECT count(*) FROM {engine.select_rows(root, old)}"
        assert connection.execute(query).fetchone() == (2,)
        planned = retention.vacuum(root, 0)
        assert sorted(planned.paths) == sorted(old)
        assert planned.size > 0
        with pytest.raises(UnconfirmedDeletionError, match="hours is 0"):
            retention.vacuum(root, 0, dry_run=False)
        assert retention.vacuum(root, 0, dry_run=False, confirmed=True).paths == planned.paths
        assert retention.vacuum(root, 0, dry_run=False, confirmed=True).paths == ()
        with pytest.raises(FileMissingError, match="read again"), engine.translate_duckdb_errors():
            connection.execute(query)
    assert ids(root) == [("BTCUSDT", 1), ("BTCUSDT", 2)]


def test_retention_lets_whole_days_go_and_says_first_which(root: Path) -> None:
    lay(root, [trade(number, every_s=43_200) for number in range(6)])
    planned = retention.plan_retention(root, 1, START.date() + timedelta(days=3))
    assert [(day.day.day, day.rows) for day in planned] == [(2, 2), (3, 2)]
    assert len(ids(root)) == 6
    assert retention.drop_days(root, planned, {"why": "test"}) == 4
    assert [number for _, number in ids(root)] == [4, 5]
    assert retention.drop_days(root, planned, {"why": "test"}) == 0
    today = [retention.LakeDay(datetime.now(UTC).date(), 1, 1, 1)]
    with pytest.raises(UnconfirmedDeletionError, match="one of the last 7 days"):
        retention.drop_days(root, today, {})
    assert retention.drop_days(root, today, {}, confirmed=True) == 0
    with pytest.raises(ValueError, match="keep at least 1"):
        retention.plan_retention(root, 0, START.date())


def test_real_trades_take_a_fifteenth_of_their_csv(root: Path) -> None:
    lay(root, captured())
    done = [rewrite.rewrite_hour(root, hour, {}) for hour in rewrite.find_hours_to_compact(root)]
    saved = 1 - sum(one.bytes_after for one in done if one) / sum(one.csv_bytes for one in done if one)
    assert len(done) == 2
    assert saved > 0.933


def test_a_rewrite_leaves_room_for_the_trades(small_disk: Path) -> None:
    root = small_disk / "trades"
    for part in range(2):
        lay(root, [trade(part * 100 + number) for number in range(100)], first_offset=part * 100)
    version = table.open_table(root).version()
    ballast = fill_disk(small_disk, 700_000)
    with pytest.raises(DiskFullError, match="stays free for the trades"):
        rewrite.rewrite_hour(root, START, {})
    with engine.connect(root) as connection:
        limit = connection.execute("SELECT current_setting('max_temp_directory_size')").fetchone()
    assert limit == ("0 bytes",)
    assert table.open_table(root).version() == version
    ballast.unlink()
    assert rewrite.rewrite_hour(root, START, {}) is not None
