"""`whale backtest` as a person runs it: text, JSON and CSV, and what a mistake is answered with."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from whale_platform.cli.app import app
from whale_platform.cli.common.errors import UserError
from whale_platform.homes import open_home
from whale_platform_tests.lake.builders import lay, trade

RANGE = ("--from", "2026-01-02T10:00", "--to", "2026-01-02T12:00")
RULES = '[[rule]]\nname = "large"\nminimum_usd = 10_000\n\n[[rule]]\nname = "none"\nminimum_usd = 1e9\n'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with an hour of trades, whose Postgres is unavailable."""
    for name in [name for name in os.environ if name.startswith("WHALE_") and name != "WHALE_TOOLS"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WHALE_POSTGRES_DSN", "postgresql://whale:s3cret@127.0.0.1:1/whale")
    home = open_home(tmp_path / "base", "simulator").path
    lay(home / "lake" / "trades", [trade(n, every_s=20, quantity="200" if n % 9 == 0 else "1") for n in range(180)])
    (tmp_path / "rules.toml").write_text(RULES)
    return tmp_path


def run(home: Path, *more: str, rules: str = "rules.toml") -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(
        app, ["backtest", str(home / rules), *RANGE, "--home", str(home / "base"), *more]
    )


def test_text_has_a_table_and_a_verdict_for_each_rule(home: Path) -> None:
    found = run(home)
    assert found.exit_code == 0, found.output
    assert "large: 20 alerts, 480.0 a day; $402,000" in found.stdout
    assert "15 min" in found.stdout and "too few: 20 alerts in" in found.stdout
    assert "none: 0 alerts, 0.0 a day; $0" in found.stdout
    assert "180 trades of 1.0 hours that the lake has; seed 0" in found.stdout


def test_json_and_csv_are_for_programs(home: Path) -> None:
    found = json.loads(run(home, "--format", "json", "--seed", "3").stdout)
    assert (found["seed"], found["trades"], [rule["alerts"] for rule in found["rules"]]) == (3, 180, [20, 0])
    lines = run(home, "--format", "csv").stdout.splitlines()
    assert lines[0].startswith("rule,verdict,rule_alerts") and lines[1].startswith("large,too few,20,480.0")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--format", "xml"), "--format xml: one of text, json, csv"),
        (("--to", "2026-01-02T10:00"), "--from 2026-01-02T10:00 is not before --to 2026-01-02T10:00"),
        (("--from", "yesterday"), "'yesterday' is not a time"),
    ],
)
def test_a_mistake_is_one_line(home: Path, more: tuple[str, ...], said: str) -> None:
    found = run(home, *more)
    assert isinstance(found.exception, UserError) and said in str(found.exception)


def test_a_wrong_rule_and_an_unavailable_database_are_explained(home: Path) -> None:
    (home / "wrong.toml").write_text("[[rule]]\nname = 'a'\n")
    assert "wrong.toml, rule 1 ('a'): write minimum_usd" in str(run(home, rules="wrong.toml").exception)
    (home / "held.toml").write_text("[[rule]]\nname = 'a'\nthreshold = 'held'\n")
    assert "Postgres can't be read" in str(run(home, rules="held.toml").exception)
    assert "Postgres can't be read" in str(run(home, "--compare-live").exception)
