"""`whale threshold` on a real database."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from whale_platform.cli.app import app
from whale_platform.cli.common.errors import UserError
from whale_platform.domain.whale import ThresholdPeriod, build_threshold_periods
from whale_platform.homes import open_home
from whale_platform.stores.asset_tables.thresholds import read_threshold_history
from whale_platform_tests.api.builders import window
from whale_platform_tests.stores.asset_tables.test_materialisation import store
from whale_platform_tests.stores.builders import read_thresholds
from whale_platform_tests.support.postgres_server import database, empty_database, postgres_server

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
