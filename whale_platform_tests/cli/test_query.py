"""`whale query` and `whale export` as a person runs them."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from whale_platform.cli.app import main
from whale_platform.homes import open_home
from whale_platform_tests.lake.builders import lay, trade
from whale_platform_tests.support.postgres_server import database, empty_database, postgres_server, query

__all__ = ["database", "empty_database", "postgres_server"]

Run = Callable[..., tuple[int, str, str]]
RANGE = ("--from", "2026-01-02", "--to", "2026-01-03")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose Postgres is away, named by the environment."""
    for name in [name for name in os.environ if name.startswith("WHALE_") and name != "WHALE_TOOLS"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WHALE_HOME", str(tmp_path / "base"))
    monkeypatch.setenv("WHALE_POSTGRES_DSN", "postgresql://whale:s3cret@127.0.0.1:1/whale")
    monkeypatch.chdir(tmp_path)
    return open_home(tmp_path / "base", "simulator").path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    def run(*args: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["whale", *args])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capfd.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def lake(home: Path) -> Path:
    return home / "lake" / "trades"


def test_the_formats(home: Path, run: Run) -> None:
    lay(lake(home), [trade(0, price="1000.10"), trade(1, "ETHUSDT")])
    sql = "SELECT symbol, price, event_time, taker_order_id AS o, 'a|b' AS p FROM trades ORDER BY trade_id"
    first = "2026-01-02T10:00:00Z"
    assert run("query", sql, "--format", "csv")[1].splitlines()[:2] == [
        "symbol,price,event_time,o,p",
        f"BTCUSDT,1000.1,{first},,a|b",
    ]
    assert json.loads(run("query", sql, "--format", "json")[1].splitlines()[0]) == {
        "symbol": "BTCUSDT",
        "price": "1000.1",
        "event_time": first,
        "o": None,
        "p": "a|b",
    }
    assert f"| BTCUSDT | 1000.1 | {first} |  | a\\|b |" in run("query", sql, "--format", "md")[1]
    code, out, err = run("query", sql)
    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines() if "USDT" in line][1][:2] == ["ETHUSDT", "100.5"]


def test_many_rows_are_cut_for_eyes_only(home: Path, run: Run) -> None:
    code, out, err = run("query", "FROM range(1500)")
    assert code == 0
    assert "999" in out
    assert "1000" not in out
    assert err == "whale: the first 1,000 rows; more with --limit, all with --format csv\n"
    assert len(run("query", "FROM range(1500)", "--format", "csv")[1].splitlines()) == 1501
    assert len(run("query", "FROM range(1500)", "--format", "json", "--limit", "7")[1].splitlines()) == 7


def test_lake_and_postgres_side_by_side(home: Path, run: Run, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHALE_POSTGRES_DSN", database)
    lay(lake(home), [trade(0, price="61837.63"), trade(1, price="61837.63")])
    query(
        database,
        "CREATE TABLE extra (symbol text, limit_price numeric, note text);"
        "INSERT INTO extra VALUES ('BTCUSDT', 0.000000000000000001, 'x,y'), ('BTCUSDT', NULL, '')",
    )
    sql = "SELECT trade_id, price, limit_price, note FROM trades JOIN extra USING (symbol) ORDER BY ALL"
    code, out, err = run("query", sql, "--format", "json")
    assert (code, err) == (0, "")
    assert [json.loads(line) for line in out.splitlines()] == [
        {"trade_id": number, "price": "61837.63", "limit_price": limit, "note": note}
        for number in (0, 1)
        for limit, note in (("0.000000000000000001", "x,y"), (None, ""))
    ]
    odd = 'a,b "c"\nd\\N — ж鯨'
    query(database, "CREATE TABLE lone (t text)")
    query(database, "INSERT INTO lone VALUES (%s), (''), (NULL), (%s)", odd, "\\N")
    found = run("query", "FROM lone", "--format", "json")[1]
    assert [json.loads(line)["t"] for line in found.splitlines()] == [odd, "", None, "\\N"]
    code, out, _ = run("query", "SELECT count(*) AS n FROM trades, trade_windows", "--format", "csv")
    assert (code, out) == (0, "n\n0\n")
    code, out, _ = run("query")
    assert code == 0
    assert "trades: the lake, version 1" in out
    assert "  trade_windows      1-minute tumbling windows" in out


def test_a_version(home: Path, run: Run) -> None:
    lay(lake(home), [trade(0)])
    lay(lake(home), [trade(1)], first_offset=1)
    sql = "SELECT count(*) AS n FROM trades"
    assert run("query", sql, "--format", "csv", "--version", "1")[1] == "n\n1\n"
    assert run("query", sql, "--format", "csv")[1] == "n\n2\n"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["query", "FROM trades"], "there is no lake in"),
        (["query", "COPY (SELECT 1) TO 'x'"], "one statement that reads"),
        (["query", "FROM trade_windows"], "`trade_windows` is not in the lake, and Postgres can't be read"),
        (["query", "SELECT 1", "--format", "xml"], "--format xml: one of table, csv, json, md"),
        (["query", "SELECT 1 AS a, 2 AS a", "--format", "json"], "two columns are named a"),
        (["export", "whales", "o.csv", *RANGE], "whales can't be exported"),
        (["export", "trades", "o.txt", *RANGE], "o.txt ends in neither"),
        (["export", "trades", "o.csv", *RANGE, "--format", "xls"], "--format xls: csv or parquet"),
        (["export", "trades", "-", *RANGE, "--format", "parquet"], "only CSV can go to stdout"),
        (["export", "trades", "o.csv", "--from", "then", "--to", "2026-01-03"], "'then' is not a time"),
        (["export", "trades", "o.csv", "--from", "2026-01-04", "--to", "2026-01-03"], "is after --to"),
        (["export", "trades", "base", *RANGE, "--format", "csv"], "base is a folder"),
        (["export", "trades", "o.csv", *RANGE], "there is no lake in"),
    ],
)
def test_a_mistake_is_one_line(home: Path, run: Run, args: list[str], says: str) -> None:
    code, out, err = run(*args)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert says in err
    assert "s3cret" not in err
    assert not Path("o.csv").exists()


def test_the_tables_are_shown_while_nothing_runs(home: Path, run: Run) -> None:
    code, out, _ = run("query")
    assert code == 0
    assert "trades: there is no lake" in out
    assert "notional           DECIMAL(38,18)" in out
    assert "can't be read" in out


def test_an_export(home: Path, run: Run) -> None:
    lay(lake(home), [trade(n) for n in range(3)])
    code, out, err = run("export", "trades", "o.csv", *RANGE)
    assert (code, out) == (0, "")
    assert err.startswith(f"whale: 3 trades, {Path('o.csv').stat().st_size:,} bytes, ")
    assert len(Path("o.csv").read_text().splitlines()) == 4
    code, _, err = run("export", "trades", "o.csv", *RANGE)
    assert code == 2
    assert "o.csv is there already" in err
    code, _, err = run("export", "trades", "o.csv", "--force", "--from", "2026-01-04T00:00", "--to", "2026-01-05")
    assert code == 0
    assert "no such trades" in err
    assert len(Path("o.csv").read_text().splitlines()) == 1
    assert run("export", "trades", "-", *RANGE, "--symbol", "BTCUSDT")[1].count("\n") == 4
    assert run("export", "trades", "o.parquet", *RANGE)[0] == 0
    assert Path("o.parquet").read_bytes()[:4] == b"PAR1"
