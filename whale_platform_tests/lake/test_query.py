"""Questions in SQL: exact answers, versions, tables of Postgres beside the lake, and nothing that writes or strays."""

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from whale_platform.lake.delta import table
from whale_platform.lake.duckdb import query
from whale_platform.lake.errors import (
    DamagedFileError,
    FileMissingError,
    InvalidStatementError,
    LakeError,
    LakeNotFoundError,
)
from whale_platform.lake.maintenance import retention, rewrite
from whale_platform_tests.lake.builders import START, lay, trade


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "lake" / "trades"


def none(name: str, path: Path) -> Sequence[tuple[str, str]]:
    return ()


def fails(name: str, path: Path) -> Sequence[tuple[str, str]]:
    raise AssertionError(f"Postgres was asked for {name}")


def ask(root: Path, sql: str, version: int | None = None, copy: query.CopyTable = fails) -> list[tuple[Any, ...]]:
    with query.run_query(root, sql, version, copy) as answer:
        return list(answer.rows)


def windows(name: str, path: Path) -> Sequence[tuple[str, str]]:
    if name != "trade_windows":
        return ()
    path.write_text('symbol,vwap,note\n"BTCUSDT","100.000000000000000001",\\N\n"ETHUSDT","7",""\n')
    return [("symbol", "VARCHAR"), ("vwap", "DECIMAL(38,18)"), ("note", "VARCHAR")]


def test_numbers_are_exact_and_times_aware(root: Path) -> None:
    lay(root, [trade(0, price="0.000000000000000003", quantity="1"), trade(1)])
    assert ask(root, "SELECT price, notional, event_time FROM trades ORDER BY trade_id") == [
        (Decimal("0.000000000000000003"), Decimal("0.000000000000000003"), START),
        (Decimal("100.5"), Decimal(201), START + timedelta(seconds=1)),
    ]


def test_tables_stand_side_by_side(root: Path) -> None:
    lay(root, [trade(0), trade(1, "ETHUSDT")])
    joined = "SELECT symbol, price, vwap, note FROM trades JOIN {} USING (symbol) ORDER BY symbol"
    rows = [
        ("BTCUSDT", Decimal("100.5"), Decimal("100.000000000000000001"), None),
        ("ETHUSDT", Decimal("100.5"), Decimal(7), ""),
    ]
    for name in ("trade_windows", "public.trade_windows", "Trade_Windows"):
        assert ask(root, joined.format(name), copy=windows) == rows


def test_only_what_is_named_is_opened(root: Path) -> None:
    assert ask(root, "SELECT 1") == [(1,)]
    assert ask(root, "FROM trade_windows SELECT count(*)", copy=windows) == [(2,)]
    assert ask(root, "WITH trades AS (SELECT 7) FROM trades") == [(7,)]
    assert ask(root, "WITH RECURSIVE n AS (SELECT 1 a UNION ALL SELECT a + 1 FROM n WHERE a < 3) FROM n SELECT max(a)")
    assert ask(root, "WITH trade_windows AS (FROM trade_windows LIMIT 1) FROM trade_windows SELECT 1", copy=windows)
    with pytest.raises(LakeNotFoundError, match="begins with the first trade"):
        ask(root, "FROM trades")


@pytest.mark.parametrize(
    "sql", ["DESCRIBE trades", "SUMMARIZE trades", "EXPLAIN FROM trades", "VALUES (1)", "TABLE trades"]
)
def test_other_statements_that_read(root: Path, sql: str) -> None:
    lay(root, [trade(0)])
    assert ask(root, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "COPY trades TO '{out}'",
        "COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)",
        "WITH a AS (COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)) SELECT 1",
        "EXPLAIN ANALYZE WITH a AS (COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)) SELECT 1",
        "SELECT (WITH a AS (COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)) SELECT 1) FROM trades",
        "FROM query('WITH a AS (COPY (SELECT 1) TO ''{file}'' (USE_TMP_FILE false)) SELECT 1')",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{out}'",
        "WITH a AS (INSERT INTO trades VALUES (1)) SELECT 1",
        "EXPORT DATABASE '{out}'",
        "ATTACH '{out}'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "PRAGMA version",
        "CALL pragma_version()",
        "CREATE TABLE x AS SELECT 1",
        "DROP VIEW trades",
        "SELECT 1; SELECT 2",
        "SELECT 1; COPY (SELECT 1) TO '{out}'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_blob('{log}')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM '/etc/passwd.csv'",
        "FROM enable_logging(storage_path = '{out}')",
        "SELECT * FROM python_value",
        "PREPARE p AS SELECT 1",
        "SHOW TABLES",
        "",
        "-- nothing",
        "SELEC 1",
    ],
)
def test_what_writes_or_strays_is_refused(root: Path, tmp_path: Path, sql: str) -> None:
    python_value = [1]
    lay(root, [trade(0)])
    file = root / table.list_files(table.open_table(root))[0].path
    before, out = file.read_bytes(), tmp_path / "out"
    with pytest.raises(InvalidStatementError) as said:
        ask(root, sql.format(out=out, file=file, log=root / "_delta_log" / f"{0:020d}.json"), copy=none)
    assert "\n" not in str(said.value)
    assert file.read_bytes() == before
    assert not out.exists()
    assert python_value


def test_mistakes_keep_duckdbs_hint(root: Path) -> None:
    lay(root, [trade(0)])
    with pytest.raises(InvalidStatementError, match=r'"prize" not found .* "price".*`whale query` without a statement'):
        ask(root, "SELECT prize FROM trades")
    with pytest.raises(InvalidStatementError, match="trade_window does not exist"):
        ask(root, "FROM trade_window", copy=none)
    with pytest.raises(InvalidStatementError, match="Conversion Error"):
        ask(root, "SELECT side::INTEGER FROM trades")


def test_a_version_stays_as_it_was(root: Path) -> None:
    first = lay(root, [trade(0)])
    second = lay(root, [trade(1)], first_offset=1)
    rewrite.rewrite_hour(root, START, {})
    count = "SELECT count(*) FROM trades"
    assert [ask(root, count, version) for version in (0, first, second, None)] == [[(0,)], [(1,)], [(2,)], [(2,)]]
    with pytest.raises(LakeNotFoundError, match="version 99 of the lake is not there: the newest is 3"):
        ask(root, count, 99)
    with pytest.raises(InvalidStatementError, match="does not name `trades`"):
        ask(root, "SELECT 1", 1)


def test_a_version_that_vacuum_took_says_so(root: Path) -> None:
    first = lay(root, [trade(0)])
    lay(root, [trade(1)], first_offset=1)
    rewrite.rewrite_hour(root, START, {})
    assert retention.vacuum(root, 0, dry_run=False, confirmed=True).paths
    with pytest.raises(FileMissingError, match=r"version 1 can't be read any more: vacuum .* the newest is \d"):
        ask(root, "SELECT sum(price) FROM trades", first)
    assert ask(root, "SELECT count(*) FROM trades") == [(2,)]


@pytest.mark.parametrize("keep", [0, 40, -30])
def test_a_cut_file_is_named(root: Path, keep: int) -> None:
    lay(root, [trade(0)])
    file = root / table.list_files(table.open_table(root))[0].path
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(DamagedFileError, match=r"date=2026-01-02/hour=10/part-.*whale lake restore"):
        ask(root, "SELECT sum(price) FROM trades")


def test_the_newest_hour_is_read_without_opening_the_table(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(root, [trade(number, every_s=1800) for number in range(5)])
    newest = table.list_files(table.open_table(root))[-1]

    def opened(*_: object) -> None:
        raise AssertionError("the table was opened")

    monkeypatch.setattr(table, "open_table", opened)
    assert ask(root, "SELECT min(trade_id), hour FROM newest_trades GROUP BY hour") == [(4, newest.start.hour)]


def test_days_are_pruned_by_folder(root: Path) -> None:
    """The damaged file of another day is not even opened; the first of all is, for its columns."""
    lay(root, [trade(0), trade(1, every_s=86_400), trade(2, every_s=86_400)])
    last = root / table.list_files(table.open_table(root))[-1].path
    last.write_bytes(b"")
    assert ask(root, "SELECT count(price) FROM trades WHERE date = '2026-01-03'") == [(1,)]
    with pytest.raises(LakeError):
        ask(root, "SELECT count(price) FROM trades")


@pytest.mark.parametrize("there", [False, True])
def test_a_sort_larger_than_memory_spills_although_locked(root: Path, there: bool) -> None:
    if there:
        lay(root, [trade(0)])
    numbers = "SELECT hash(range) AS a, repeat('x', 100) AS b FROM range(4_500_000)"
    assert len(ask(root, f"FROM ({numbers}) ORDER BY a, b LIMIT 1 OFFSET 4_499_999")) == 1


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C as in a terminal, also where the tests run in the background of a script, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_stops_a_long_question(root: Path) -> None:
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        ask(root, "SELECT sum(hash(a.range + b.range)) FROM range(10_000_000) AS a, range(10_000) AS b")
    timer.join()
