"""`whale threshold` on a real database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from whale_platform.cli.app import app
from whale_platform.cli.common.errors import UserError
from whale_platform.domain.suggestion import HourChoice, SuggestionRange, ThresholdSuggestion
from whale_platform.domain.whale import ThresholdPeriod, build_threshold_periods
from whale_platform.homes import open_home
from whale_platform.lake.analysis import order_sizes
from whale_platform.settings import Settings
from whale_platform.stores.asset_tables.threshold_suggestions import store_suggestions
from whale_platform.stores.asset_tables.thresholds import read_held_thresholds, read_threshold_history, set_threshold
from whale_platform_tests.api.builders import window
from whale_platform_tests.lake.builders import START, lay, trade
from whale_platform_tests.stores.asset_tables.test_materialisation import store
from whale_platform_tests.stores.builders import read_thresholds
from whale_platform_tests.support.postgres_server import database, empty_database, postgres_server, query

__all__ = ["database", "empty_database", "postgres_server"]


def test_what_is_set_is_told_and_a_symbol_without_trades_is_said(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHALE_POSTGRES_DSN", database)
    open_home(tmp_path, "live")
    store(database, [window(datetime.now(UTC).replace(second=0, microsecond=0), exchange="binance", symbol="BTCUSDT")])

    def threshold(*words: str) -> Result:
        done = CliRunner().invoke(app, ["threshold", *words, "--home", str(tmp_path)])
        assert done.exit_code == 0, done.output
        return done

    assert threshold("set", "BTC", "99999.50", "--giant", "3000000").stderr.splitlines() == [
        "whale: binance BTCUSDT counts from 99,999.50 USD on, as large from 499,997.50, as giant from 3,000,000",
        "whale: coinbase BTC-USD counts from 99,999.50 USD on, as large from 499,997.50, as giant from 3,000,000; "
        "no trade of it has come yet",
    ]
    assert threshold("set", "*", "7").stderr == "whale: * * counts from 7 USD on, as large from 35, as giant from 140\n"
    assert read_thresholds(database) == [
        ("*", "*", Decimal(7)),
        ("binance", "BTCUSDT", Decimal("99999.5")),
        ("coinbase", "BTC-USD", Decimal("99999.5")),
    ]
    threshold("set", "*", "7", "--from", "2024-01-01")
    assert build_threshold_periods(read_threshold_history(database), Decimal(1))[1:2] == [
        ThresholdPeriod(datetime(2024, 1, 1, tzinfo=UTC), {("*", "*"): Decimal(7)})
    ]
    assert [line.split() for line in threshold("list").stdout.splitlines()] == [
        ["*", "*", "7", "35", "140"],
        ["binance", "BTCUSDT", "99,999.5", "499,997.5", "3,000,000"],
        ["coinbase", "BTC-USD", "99,999.5", "499,997.5", "3,000,000"],
    ]
    command = ["threshold", "set", "*", "7", "--large", "30", "--giant", "29", "--home", str(tmp_path)]
    refused = CliRunner().invoke(app, command)
    assert isinstance(refused.exception, UserError) and "7 <= 30 <= 29 does not hold" in str(refused.exception)


def test_what_is_removed_gives_way_to_the_less_specific_one(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHALE_POSTGRES_DSN", database)
    open_home(tmp_path, "live")
    set_threshold(database, "binance", "BTCUSDT", Decimal(9))

    def remove(*words: str) -> Result:
        return CliRunner().invoke(app, ["threshold", "remove", *words, "--home", str(tmp_path)])

    done = remove("BTCUSDT", "--exchange", "binance")
    assert done.stderr == "whale: binance BTCUSDT has no threshold of its own any more\n"
    assert read_thresholds(database) == [("*", "*", Decimal(50_000))]
    for words, complaint in (
        (("BTCUSDT", "--exchange", "binance"), "binance BTCUSDT has no threshold of its own"),
        (("*",), "the threshold of everything can't be removed"),
    ):
        refused = remove(*words)
        assert isinstance(refused.exception, UserError) and str(refused.exception).startswith(complaint)


def test_a_suggestion_shows_what_each_choice_would_have_given(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHALE_POSTGRES_DSN", database)
    monkeypatch.setattr(order_sizes, "get_last_whole_hour", lambda: START + timedelta(hours=24))
    open_home(tmp_path, "live")
    trades = [trade(number, every_s=60, quantity=str(number), price="1") for number in range(1, 1201)]
    lay(Settings.model_validate({"home": tmp_path / "live"}).trades_lake, trades)

    def suggest(*words: str) -> list[str]:
        done = CliRunner().invoke(app, ["threshold", "suggest", *words, "--home", str(tmp_path)])
        assert done.exit_code == 0, done.output
        return done.stdout.splitlines()

    assert suggest("BTCUSDT", "--days", "1", "--per-day", "100", "--hours") == [
        "binance BTCUSDT: 1,110 USD for 100 alerts a day, of 1,200 trades",
        "  1 a day: $1,200 gave 1.0 (1 to 1)",
        "  5 a day: $1,200 gave 1.0 (1 to 1)",
        "  10 a day: $1,200 gave 1.0 (1 to 1)",
        "  20 a day: $1,190 gave 11.0 (11 to 11)",
        "  50 a day: $1,160 gave 41.0 (41 to 41)",
        "  100 a day: $1,110 gave 91.0 (91 to 91)",
        "  held: $50,000 gave 0.0 (0 to 0)",
        "  Hours of the week are told apart from 28 days on; 1 were asked for.",
    ]
    assert suggest("ETHUSDT", "--days", "1") == ["No symbol has enough trades to learn from."]
    assert read_thresholds(database) == [("*", "*", Decimal(50_000))], "it sets nothing"
    assert query(database, "SELECT symbol, per_day FROM threshold_suggestions") == [("BTCUSDT", 10)]


def test_amounts_by_hour_of_the_week_are_set_from_a_file_or_as_they_were_suggested(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHALE_POSTGRES_DSN", database)
    open_home(tmp_path, "live")
    file = tmp_path / "hours"

    def threshold(*words: str) -> Result:
        return CliRunner().invoke(app, ["threshold", *words, "--home", str(tmp_path)])

    def refuse(*words: str) -> str:
        refused = threshold("set", *words)
        assert isinstance(refused.exception, UserError), refused.output
        return str(refused.exception)

    file.write_text("\n".join(["-"] * 160 + ["9000", "99999.50"] * 4))
    done = threshold("set", "BTC", "70000", "--exchange", "binance", "--hours", str(file))
    assert done.stderr.startswith(
        "whale: binance BTCUSDT counts from 70,000 USD on, as large from 350,000, as giant from 1,400,000; by hour of "
        "the week from 9,000 (Sun 16:00) to 99,999.50 (Sun 23:00) UTC"
    )
    assert (
        threshold("list")
        .stdout.splitlines()[1]
        .endswith("1,400,000  by hour of the week from 9,000 (Sun 16:00) to 99,999.5 (Sun 23:00) UTC")
    )
    assert refuse("BTC", "70000", "--large", "80000", "--hours", str(file)).startswith(
        "--hours: Sun 17:00: 99,999.50 <="
    )
    for text, complaint in (
        ("7 " * 167, "it has 167 amounts, not 168: one for each hour of the week, from Monday 00:00 UTC on"),
        ("7 " * 167 + "much", "Sun 23:00: 'much' is not an amount: write 100000 or 99999.50"),
        ("0 " * 168, "Mon 00:00: 0 can't be a threshold"),
    ):
        file.write_text(text)
        assert complaint in refuse("BTC", "70000", "--hours", str(file))
    assert "it can't be read" in refuse("BTC", "70000", "--hours", str(tmp_path / "none"))
    assert refuse("BTC", "--hours", str(file)).startswith("give the USD")

    suggested = ("BTC", "--exchange", "binance", "--hours", "suggested")
    assert refuse(*suggested).startswith("nothing is suggested for binance BTCUSDT: `whale threshold suggest --hours")
    found = ThresholdSuggestion("binance", "BTCUSDT", 10, Decimal(8_000), 672, 9_999, Decimal(99_000), [])
    store_suggestions(database, SuggestionRange(START, days=7), [found])
    assert "told apart from 28 days on; 7 were asked for" in refuse(*suggested)
    assert read_held_thresholds(database).limits_of(("binance", "BTCUSDT")).whale == 70_000, "nothing was set"
    by_hour = replace(found, hours_of_week=[HourChoice(0, Decimal(6_000), 1), HourChoice(167, Decimal("9E+3"), 2)])
    store_suggestions(database, SuggestionRange(START, days=28), [by_hour])
    done = threshold("set", *suggested)
    assert "counts from 8,000 USD on" in done.stderr and "from 6,000 (Mon 00:00) to 9,000 (Sun 23:00)" in done.stderr
    held = read_held_thresholds(database)
    place = ("binance", "BTCUSDT")
    assert [held.limits_of(place, hour).whale for hour in (0, 1, 166, 167)] == [6_000, 8_000, 8_000, 9_000]
    assert "of a market, not of" in refuse("*", "--hours", "suggested")
