"""The thresholds asset on a lake and a real database."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

from whale_platform.defs.resources import build_resources
from whale_platform.defs.thresholds.assets import whale_thresholds
from whale_platform.lake.analysis import order_sizes
from whale_platform.settings import Settings
from whale_platform.stores.asset_tables.thresholds import set_threshold
from whale_platform_tests.lake.builders import START, lay, trade
from whale_platform_tests.stores.builders import read_thresholds
from whale_platform_tests.support.postgres_server import query

HOURS_24 = timedelta(hours=24)


def make(settings: dict[str, str], **config: object) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [whale_thresholds],
        resources=build_resources(**settings),
        run_config={"ops": {"table__whale_thresholds": {"config": config}}},
        raise_on_error=False,
    )


def metadata(done: dg.ExecuteInProcessResult) -> dict[str, object]:
    made = done.asset_materializations_for_node("table__whale_thresholds")[0]
    return {name: value.value for name, value in made.metadata.items()}


def test_orders_of_the_lake_become_suggestions_beside_what_a_person_set(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day of trades in pairs of one moment and side: each pair is one order."""
    monkeypatch.setattr(order_sizes, "get_last_whole_hour", lambda: START + HOURS_24)
    settings = {"home": str(tmp_path), "postgres_dsn": database}
    for symbol in ("BTCUSDT", "ETHUSDT"):
        fills = [trade(number // 2 * 2, symbol, every_s=60, quantity=str(number + 2)) for number in range(1000)]
        made = [one._replace(trade_id=number, price=Decimal(1)) for number, one in enumerate(fills)]
        lay(Settings.model_validate(settings).trades_lake, made, first_offset=0 if symbol == "BTCUSDT" else 1000)
    set_threshold(database, "binance", "BTCUSDT", Decimal(7))

    asked = {"days": 1, "per_day": 10, "least_trades": 1000}
    dry = metadata(make(settings, **asked, dry_run=True))
    assert (dry["trades"], dry["symbols"], dry["suggested"]) == (2000, 2, 0)
    assert read_thresholds(database) == [("*", "*", Decimal(50_000)), ("binance", "BTCUSDT", Decimal(7))]
    done = metadata(make(settings, **asked))
    assert done["suggested"] == 1
    assert "kept: set by a person" in str(done["report"])
    assert "data:image/png" in str(done["picture"])
    assert read_thresholds(database)[2] == ("binance", "ETHUSDT", Decimal(1970)), "1,965, the tenth below 2,001"
    rows = query(database, "SELECT symbol, usd, hours, trades, choices FROM threshold_suggestions ORDER BY symbol")
    assert [row[:4] for row in rows] == [("BTCUSDT", 1970, 24, 1000), ("ETHUSDT", 1970, 24, 1000)]
    assert [rows[0][4][0], rows[0][4][-1]] == [
        {"per_day": 1, "usd": "2010", "alerts": [0], "by_hour": False},
        {"per_day": None, "usd": "7", "alerts": None, "by_hour": False},
    ], "7 dollars is below the hundred orders that are looked at"


def test_a_lake_that_is_not_there_is_said(database: str, tmp_path: Path) -> None:
    settings = {"home": str(tmp_path), "postgres_dsn": database}
    failure = str(make(settings).failure_data_for_node("table__whale_thresholds"))
    assert "the lake can't be read: " in failure


def test_a_wrong_config_is_refused_with_its_bounds(tmp_path: Path) -> None:
    done = make({"home": str(tmp_path)}, days=91)
    assert "less than or equal to 90" in str(done.failure_data_for_node("table__whale_thresholds"))
