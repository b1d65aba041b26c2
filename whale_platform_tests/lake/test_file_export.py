"""Exports: exact, whole or not there, only what was asked for."""

import csv
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from whale_platform.lake.delta import table
from whale_platform.lake.delta.table import HOUR
from whale_platform.lake.duckdb import file_export, query
from whale_platform.lake.duckdb.file_export import ExportFormat, ExportResult, ExportSelection
from whale_platform.lake.errors import DamagedFileError, FileMissingError, LakeNotFoundError
from whale_platform.lake.maintenance import retention, rewrite
from whale_platform_tests.lake.builders import START, lay, trade


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "lake" / "trades"


def write(root: Path, wanted: ExportSelection, out: Path, kind: ExportFormat = "csv") -> ExportResult:
    return file_export.export_trades(root, wanted, out, kind, lambda done, total: None)


def read(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_csv_is_exact_and_plain(root: Path, tmp_path: Path) -> None:
    lay(root, [trade(0, price="0.000000000000000003", quantity="100"), trade(1, price="1000")])
    out = tmp_path / "out.csv"
    done = write(root, ExportSelection(START, START + HOUR), out)
    assert done == ExportResult(2, out.stat().st_size)
    first, second = read(out)
    assert (first["price"], first["quantity"], first["notional"]) == (
        "0.000000000000000003",
        "100",
        "0.0000000000000003",
    )
    assert (first["event_time"], first["received_time"]) == (
        "2026-01-02T10:00:00.000000Z",
        "2026-01-02T10:00:00.000005Z",
    )
    assert (second["price"], second["taker_order_id"], second["dense"]) == ("1000", "", "true")
    assert "notional_wide" not in first


def test_parquet_keeps_types_and_numbers(root: Path, tmp_path: Path) -> None:
    lay(root, [trade(0, price="0.000000000000000003", quantity="100")])
    out = tmp_path / "out.parquet"
    assert write(root, ExportSelection(START, START + HOUR), out, "parquet").rows == 1
    with duckdb.connect() as connection:
        relation = connection.execute(f"SELECT price, notional, typeof(event_time) FROM '{out}'")
        assert relation.fetchall() == [
            (Decimal("0.000000000000000003"), Decimal("0.0000000000000003"), "TIMESTAMP WITH TIME ZONE")
        ]


def test_only_the_range_the_symbols_and_the_exchange(root: Path, tmp_path: Path) -> None:
    lay(root, [trade(n, "BTCUSDT" if n % 2 else "ETHUSDT", every_s=600) for n in range(24)])
    out = tmp_path / "out.csv"
    start, end = START + timedelta(minutes=20), START + timedelta(hours=2, minutes=30)
    write(root, ExportSelection(start, end), out)
    assert [int(row["trade_id"]) for row in read(out)] == [3, 5, 2, 4, 7, 9, 11, 6, 8, 10, 13, 12, 14]
    write(root, ExportSelection(start, end, ("BTCUSDT", "it's")), out)
    assert [int(row["trade_id"]) for row in read(out)] == [3, 5, 7, 9, 11, 13]
    assert write(root, ExportSelection(start, end, exchange="coinbase"), out).rows == 0


def test_nothing_found_is_a_file_with_its_columns(root: Path, tmp_path: Path) -> None:
    lay(root, [trade(0)])
    for kind in ("csv", "parquet"):
        out = tmp_path / f"out.{kind}"
        assert write(root, ExportSelection(START - HOUR, START), out, kind).rows == 0
        with duckdb.connect() as connection:
            assert len(connection.execute(f"SELECT * FROM '{out}'").description or ()) == len(
                file_export.EXPORTED_COLUMNS
            )


def test_a_version(root: Path, tmp_path: Path) -> None:
    first = lay(root, [trade(0)])
    lay(root, [trade(1)], first_offset=1)
    out = tmp_path / "out.csv"
    assert write(root, ExportSelection(START, START + HOUR, version=first), out).rows == 1
    rewrite.rewrite_hour(root, START, {})
    retention.vacuum(root, 0, dry_run=False, confirmed=True)
    with pytest.raises(FileMissingError, match="version 1 can't be read any more"):
        write(root, ExportSelection(START, START + HOUR, version=first), out)
    with pytest.raises(LakeNotFoundError):
        write(root, ExportSelection(START, START + HOUR, version=9), out)
    assert len(read(out)) == 1


def test_what_fails_leaves_what_was_there(root: Path, tmp_path: Path) -> None:
    lay(root, [trade(n, every_s=1800) for n in range(6)])
    last = root / table.list_files(table.open_table(root))[-1].path
    last.write_bytes(last.read_bytes()[:40])
    folder = tmp_path / "exports"
    folder.mkdir()
    out = folder / "out.csv"
    with pytest.raises(DamagedFileError):
        write(root, ExportSelection(START, START + 4 * HOUR), out)
    assert list(folder.iterdir()) == []
    out.write_text("before")
    with pytest.raises(DamagedFileError):
        write(root, ExportSelection(START, START + 4 * HOUR), out)
    assert [path.read_text() for path in folder.iterdir()] == ["before"]


def test_an_interrupted_export_leaves_nothing(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(root, [trade(n) for n in range(10)])
    folder = tmp_path / "exports"
    folder.mkdir()
    monkeypatch.setattr(query, "POLL_S", 0.0)

    def interrupt(done: float, total: int) -> None:
        if total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        file_export.export_trades(root, ExportSelection(START, START + HOUR), folder / "out.csv", "csv", interrupt)
    assert list(folder.iterdir()) == []


def test_a_folder_that_is_not_there(root: Path, tmp_path: Path) -> None:
    lay(root, [trade(0)])
    with pytest.raises(FileNotFoundError):
        write(root, ExportSelection(START, START + HOUR), tmp_path / "nowhere" / "out.csv")


def test_the_hours_are_told(root: Path, tmp_path: Path) -> None:
    lay(root, [trade(n, every_s=1800) for n in range(6)])
    told: list[tuple[float, int]] = []
    file_export.export_trades(
        root, ExportSelection(START, START + 3 * HOUR), tmp_path / "out.csv", "csv", lambda *at: told.append(at)
    )
    assert [told[-1][0], told[-1][1]] == [3, 3]
    assert told == sorted(told)
