"""Tables as CSV: not a digit, NULL or comma is lost, and what does not fit is named."""

import csv
from pathlib import Path

import pytest

from whale_platform.stores.errors import DecimalOverflowError, StoreUnavailableError
from whale_platform.stores.queries import csv_export
from whale_platform_tests.support.postgres_server import query

ODD = 'a,b "c"\nd\\N — ж鯨'


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_the_tables_of_the_platform(database: str) -> None:
    found = csv_export.list_tables(database)
    assert {"trade_windows", "whale_alerts", "whale_orders", "hourly_rollups"} <= set(found)
    assert not [name for name in found if name.startswith("trade_windows_")]
    assert found["hourly_rollups"].startswith("hours of trades")


def test_every_value_comes_as_it_is(database: str, tmp_path: Path) -> None:
    query(
        database,
        'CREATE TABLE "odd one" (id int, n numeric, m numeric(20,3), t text, "a,b" timestamptz, d date, f float8, '
        "b boolean, j jsonb, l bigint)",
    )
    statement = 'INSERT INTO "odd one" VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)'
    values = ("12345678901234567890.000000000000000001", "1.500", ODD, "2026-01-02 10:00:00.000001+00", "2026-01-02")
    query(database, statement, 1, *values, 0.1 + 0.2, True, '{"a": 1}', 2**63 - 1)
    query(database, statement, 2, None, None, "", None, None, None, None, None, None)
    query(database, statement, 3, None, None, "\\N", None, None, None, None, None, None)
    path = tmp_path / "out.csv"
    assert csv_export.copy_table(database, "odd one", path) == [
        ("id", "INTEGER"),
        ("n", "DECIMAL(38,18)"),
        ("m", "DECIMAL(38,18)"),
        ("t", "VARCHAR"),
        ("a,b", "TIMESTAMPTZ"),
        ("d", "DATE"),
        ("f", "DOUBLE"),
        ("b", "BOOLEAN"),
        ("j", "VARCHAR"),
        ("l", "BIGINT"),
    ]
    whole = ["1", *values, "0.30000000000000004", "t", '{"a": 1}', str(2**63 - 1)]
    assert rows(path)[1] == whole
    text = path.read_text()
    assert '"2",\\N,\\N,"",\\N' in text
    assert '"3",\\N,\\N,"\\N",\\N' in text


@pytest.mark.parametrize("number", ["100000000000000000000", "-1e20", "0.0000000000000000001", "NaN", "Infinity"])
def test_a_number_that_would_be_rounded_is_an_error(database: str, tmp_path: Path, number: str) -> None:
    query(database, "CREATE TABLE wide (fine numeric, n numeric)")
    query(database, "INSERT INTO wide VALUES (1, %s::numeric)", number)
    with pytest.raises(DecimalOverflowError, match=r"wide\.n has a number that decimal\(38,18\) can't hold"):
        csv_export.copy_table(database, "wide", tmp_path / "out.csv")


def test_only_tables_of_the_platform(database: str, tmp_path: Path) -> None:
    query(database, "CREATE VIEW seen AS SELECT 1; CREATE SCHEMA other; CREATE TABLE other.hidden (a int)")
    for name in ("seen", "hidden", "pg_authid", "nothing", "trade_windows; DROP TABLE trade_windows"):
        assert csv_export.copy_table(database, name, tmp_path / "out.csv") == []
    assert not (tmp_path / "out.csv").exists()


def test_an_absent_server_keeps_the_password(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError) as said:
        csv_export.copy_table("postgresql://whale:s3cret@127.0.0.1:1/whale", "trade_windows", tmp_path / "out.csv")
    assert "s3cret" not in str(said.value)
