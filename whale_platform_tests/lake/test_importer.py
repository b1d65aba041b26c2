"""Dumps into the lake: each trade once beside live ones, again without effect, and killed half-way without a trace."""

import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from whale_platform.bench.storage.dump_import import generate_dump, measure_import, pack_dump
from whale_platform.domain.catalogue import SymbolCatalogue
from whale_platform.domain.trade import Trade
from whale_platform.exchanges import symbols
from whale_platform.lake.delta import commits, schema, table
from whale_platform.lake.delta.schema import COLUMN_NAMES
from whale_platform.lake.duckdb import engine, parquet_writer
from whale_platform.lake.errors import ConcurrentCommitError, DiskFullError, InvalidDumpError
from whale_platform.lake.imports import dump_file, importer
from whale_platform.lake.imports.importer import ImportResult
from whale_platform.lake.maintenance import retention, rewrite
from whale_platform_tests.lake.builders import lay
from whale_platform_tests.support.small_disks import fill_disk

ROWS, HOURS = 600, 3
DAY = datetime(2024, 8, 8, tzinfo=UTC)
SUMS = "sum(fills), sum(quantity), sum(notional), sum(quantity) FILTER (side = 'buy'), count(DISTINCT symbol)"
CHILD = """
import sys, time
from pathlib import Path
from whale_platform.exchanges import symbols
from whale_platform.domain.catalogue import SymbolCatalogue
from whale_platform.lake.imports import dump_file, importer
dump = dump_file.parse_dump_name("binance", Path(sys.argv[2]), symbols.build_splitter(SymbolCatalogue(), ()))
importer.import_dump(Path(sys.argv[1]), dump, {}, lambda what, done, of: time.sleep(0.2 if what == "importing" else 0))
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "lake" / "trades"


def run(root: Path, path: Path) -> ImportResult:
    return importer.import_dump(
        root,
        dump_file.parse_dump_name("binance", path, symbols.build_splitter(SymbolCatalogue(), ())),
        {"run": "test"},
        lambda what, done, of: None,
    )


def rows(root: Path) -> str:
    return engine.select_trades(root, [file.path for file in table.list_files(table.open_table(root))])


def ask(root: Path, what: str, tail: str = "") -> list[tuple[Any, ...]]:
    with engine.connect(root) as connection:
        return connection.execute(f"SELECT {what} FROM {rows(root)} {tail}").fetchall()


def differences(one: Path, other: Path) -> int:
    with engine.connect(one) as connection:
        first, second = (f"SELECT * FROM {rows(root)}" for root in (one, other))
        both = f"({first} EXCEPT ALL {second}) UNION ALL ({second} EXCEPT ALL {first})"
        return len(connection.execute(both).fetchall())


def live(path: Path, wanted: Callable[[int], bool]) -> list[Trade]:
    """Of the trades of a dump those with a wanted number, as if they had come by socket."""
    with zipfile.ZipFile(path) as archive:
        lines = archive.read(f"{path.stem}.csv").decode().splitlines()
    found = []
    for n, (number, price, quantity, _, at, maker, _) in enumerate(line.split(",") for line in lines):
        if wanted(n):
            event = int(at) * 1000
            one = Trade(
                "binance",
                "BTCUSDT",
                "BTC",
                "USDT",
                int(number),
                Decimal(price),
                Decimal(quantity),
                "sell" if maker == "True" else "buy",
                event,
                event + 9,
            )
            found.append(one)
    return found


def test_rows_are_as_the_dump_has_them(root: Path, tmp_path: Path) -> None:
    path = generate_dump(tmp_path, ROWS, hours=HOURS)
    done = run(root, path)
    assert (done.rows, done.new, done.there, done.checked) == (ROWS, ROWS, 0, True)
    assert (done.hours[0], done.hours[-1], len(done.hours)) == (DAY, DAY + timedelta(hours=HOURS - 1), HOURS)
    expected = [
        (one.trade_id, one.price, one.quantity, one.side, datetime.fromtimestamp(one.event_time / 1e6, UTC))
        for one in live(path, lambda n: True)
    ]
    assert ask(root, "trade_id, price, quantity, side, event_time", "ORDER BY trade_id") == expected
    constant = "exchange, symbol, base, quote, fills, dense, received_time, source, taker_order_id, topic_offset"
    assert ask(root, f"DISTINCT {constant}") == [
        ("binance", "BTCUSDT", "BTC", "USDT", 1, True, None, "import", None, None)
    ]
    assert ask(root, "count(*)", "WHERE date <> event_time::DATE OR hour <> hour(event_time)") == [(0,)]
    assert not (root.parent / importer.WORK_FOLDER).exists()


def test_milliseconds_and_microseconds_are_the_same_moments(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "micros"
    other.mkdir()
    run(root, generate_dump(tmp_path, 24, hours=1))
    run(other / "trades", generate_dump(other, 24, micros=True, hours=1))
    assert ask(root, "event_time", "ORDER BY 1") == ask(other / "trades", "event_time", "ORDER BY 1")


def test_again_changes_nothing(root: Path, tmp_path: Path) -> None:
    path = generate_dump(tmp_path, ROWS, hours=HOURS)
    run(root, path)
    version = table.open_table(root).version()
    done = run(root, path)
    assert (done.new, done.there, table.open_table(root).version()) == (0, HOURS, version)


def test_a_file_packed_anew_adds_no_row(root: Path, tmp_path: Path) -> None:
    run(root, generate_dump(tmp_path, ROWS, hours=HOURS))
    before = table.list_files(table.open_table(root))
    assert run(root, generate_dump(tmp_path, ROWS, hours=HOURS, header=True)).new == 0
    assert table.list_files(table.open_table(root)) == before


def test_a_broken_file_changes_nothing(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-trades-2024-08-08.zip"
    pack_dump(path, ["1,1.0,1.0,1.0,1723075200000,True,True", "1,1.0,1.0"])
    with pytest.raises(InvalidDumpError, match="line 2"):
        run(root, path)
    assert not schema.table_exists(root)
    assert not (root.parent / importer.WORK_FOLDER).exists()
    run(root, generate_dump(tmp_path, ROWS, hours=HOURS))
    version = table.open_table(root).version()
    pack_dump(path, ["1,1.0,1.0,1.0,1723075200000,True,True", "1,1.0,1.0"])
    with pytest.raises(InvalidDumpError, match="line 2"):
        run(root, path)
    assert table.open_table(root).version() == version


@pytest.mark.parametrize("kinds", [("aggTrades", "trades"), ("trades", "aggTrades")])
def test_aggregates_and_their_trades_are_never_both_there(root: Path, tmp_path: Path, kinds: tuple[str, str]) -> None:
    alone = tmp_path / "alone" / "trades"
    run(alone, generate_dump(tmp_path, ROWS, hours=HOURS))
    for kind in kinds:
        run(root, generate_dump(tmp_path, ROWS, hours=HOURS, kind=kind))
        assert ask(root, SUMS) == ask(alone, SUMS)
    assert differences(root, alone) == 0, "the trades themselves win"


@pytest.mark.parametrize("kind", ["trades", "aggTrades"])
@pytest.mark.parametrize("wanted", [lambda n: n % 3 == 1, lambda n: n < 345, lambda n: True, lambda n: n == 1])
@pytest.mark.parametrize("compacted", [False, True])
def test_what_came_live_is_there_once(
    root: Path, tmp_path: Path, kind: str, wanted: Callable[[int], bool], compacted: bool
) -> None:
    alone = tmp_path / "alone" / "trades"
    path = generate_dump(tmp_path, ROWS, hours=HOURS)
    run(alone, path)
    came = live(path, wanted)
    lay(root, came)
    if compacted:
        for hour in {file.start for file in table.list_files(table.open_table(root))}:
            rewrite.rewrite_hour(root, hour, {})
    run(root, generate_dump(tmp_path, ROWS, hours=HOURS, kind=kind))
    assert ask(root, SUMS) == ask(alone, SUMS)
    if kind == "trades":
        assert ask(root, "count(*)", "WHERE source = 'live'") == [(len(came),)]
    else:
        again = table.open_table(root).version()
        assert run(root, generate_dump(tmp_path, ROWS, hours=HOURS, kind=kind)).there == HOURS
        assert table.open_table(root).version() == again


def test_fills_of_which_one_came_live_give_way_to_their_aggregate(root: Path, tmp_path: Path) -> None:
    """The hour has one row before and one after, and still is another."""
    ms = int(DAY.timestamp()) * 1000
    single, both = tmp_path / "BTCUSDT-trades-2024-08-08.zip", tmp_path / "BTCUSDT-aggTrades-2024-08-08.zip"
    pack_dump(single, [f"8,10.0,1.0,10.0,{ms},True,True"])
    pack_dump(both, [f"1,10.0,3.0,7,8,{ms},True,True"])
    run(root, single)
    run(root, both)
    assert ask(root, "trade_id, fills, quantity") == [(7, 2, Decimal(3))]


def test_other_symbols_and_days_stay(root: Path, tmp_path: Path) -> None:
    run(root, generate_dump(tmp_path, 240, hours=1, symbol="ETHUSDT"))
    run(root, generate_dump(tmp_path, 240, hours=1))
    run(root, generate_dump(tmp_path, 240, hours=1, day=date(2024, 8, 9)))
    found = ask(root, "symbol, date, count(*)", "GROUP BY ALL ORDER BY ALL")
    assert found == [
        ("BTCUSDT", date(2024, 8, 8), 240),
        ("BTCUSDT", date(2024, 8, 9), 240),
        ("ETHUSDT", date(2024, 8, 8), 240),
    ]


def test_what_retention_let_go_is_imported_again(root: Path, tmp_path: Path) -> None:
    path = generate_dump(tmp_path, ROWS, hours=HOURS)
    run(root, path)
    retention.drop_days(root, retention.list_days(root), {})
    done = run(root, path)
    assert (done.new, done.there) == (ROWS, 0)
    assert run(root, path).there == HOURS


def test_what_is_there_twice_hides_no_trade_that_is_lost(root: Path, tmp_path: Path) -> None:
    path = generate_dump(tmp_path, ROWS, hours=1)
    run(root, path)
    files = table.list_files(table.open_table(root))
    [(lost,), (kept,)] = ask(root, "trade_id", "ORDER BY trade_id LIMIT 2")
    with engine.connect(root) as connection:
        stored = f"SELECT {', '.join(COLUMN_NAMES)} FROM {engine.select_rows(root, [file.path for file in files])}"
        query = f"{stored} WHERE trade_id <> {lost} UNION ALL {stored} WHERE trade_id = {kept}"
        file = parquet_writer.write_sorted(connection, query, root, files[0].start)
    path_as_laid = file.path.replace(parquet_writer.SORTED_PREFIX, "part-")
    (root / file.path).rename(root / path_as_laid)
    commits.replace_files(root, lambda _: ([replace(file, path=path_as_laid)], files), {})
    assert run(root, path).there == 0
    assert ask(root, "count(*), count(DISTINCT trade_id), min(trade_id)") == [(ROWS, ROWS, lost)]


def test_huge_and_tiny_numbers_are_exact(root: Path, tmp_path: Path) -> None:
    ms = int(DAY.timestamp()) * 1000
    numbers = [("0.000000000012", "12345678901.5"), ("0.00001234567891", "98765432109.25"), ("61837.63", "0.5")]
    path = tmp_path / "SHIBUSDT-trades-2024-08-08.zip"
    pack_dump(path, [f"{n},{price},{quantity},1,{ms},True,True" for n, (price, quantity) in enumerate(numbers)])
    run(root, path)
    exact = [(Decimal(p), Decimal(q), Decimal(p) * Decimal(q)) for p, q in numbers]
    assert ask(root, "price, quantity, notional", "ORDER BY trade_id") == exact


def test_one_import_at_a_time(root: Path, tmp_path: Path) -> None:
    path = generate_dump(tmp_path, 24, hours=1)
    dump = dump_file.parse_dump_name("binance", path, symbols.build_splitter(SymbolCatalogue(), ()))

    def second(what: str, done: int, of: int) -> None:
        with pytest.raises(ConcurrentCommitError, match="another import"):
            run(root, path)

    assert importer.import_dump(root, dump, {}, second).new == 24


@pytest.mark.process
def test_killed_half_way_and_run_again_is_the_same_table(root: Path, tmp_path: Path) -> None:
    path, alone = generate_dump(tmp_path, 240, hours=10), tmp_path / "alone" / "trades"
    run(alone, path)
    sha256 = path.with_name(f"{path.name}.CHECKSUM").read_text().split()[0]
    child = subprocess.Popen([sys.executable, "-P", "-c", CHILD, str(root), str(path)])
    try:
        until = time.monotonic() + 60
        while not (
            schema.table_exists(root) and (table.read_marker(table.open_table(root), f"import/{sha256}") or 0) >= 3
        ):
            assert child.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    done = run(root, path)
    assert 3 <= done.there < 24
    assert 0 < done.new < 2400
    assert differences(root, alone) == 0
    assert not (root.parent / importer.WORK_FOLDER).exists()


def test_the_bench_measures_an_import(tmp_path: Path) -> None:
    found = measure_import(tmp_path, ROWS)
    assert (found["rows"], found["hours"]) == (ROWS, 24)
    assert found["rows_per_s"] > 0 < found["lake_bytes"]


def test_an_import_leaves_room_for_the_trades_and_goes_on_once_there_is_more(small_disk: Path, tmp_path: Path) -> None:
    path, root = generate_dump(tmp_path, 20_000, hours=HOURS), small_disk / "trades"
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo(f"{path.stem}.csv").file_size
    ballast = fill_disk(small_disk, size + 600_000)
    with pytest.raises(DiskFullError, match="stays free for the trades"):
        run(root, path)
    assert [one.name for one in small_disk.iterdir() if one.is_dir()] == []
    ballast.unlink()
    assert run(root, path).new == 20_000
