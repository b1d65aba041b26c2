"""Size bands through Dagster itself, on a real database and a made lake."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from whale_platform.defs.reports.checks import bands_are_their_windows
from whale_platform.defs.reports.size_bands import size_bands
from whale_platform.defs.resources import build_resources
from whale_platform.defs.shared.partitions import RANGE_TAG
from whale_platform_tests.lake.builders import lay, trade
from whale_platform_tests.stores.asset_tables.test_materialisation import store
from whale_platform_tests.stores.builders import WINDOW
from whale_platform_tests.support.postgres_server import query


@pytest.fixture
def home(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An hour of trades, and one trade more an hour later."""
    monkeypatch.setenv("WHALE_POSTGRES_DSN", database)
    monkeypatch.setenv("WHALE_HOME", str(tmp_path))
    big = [trade(number, every_s=100, price="1000000") for number in (3, 5)]
    lay(tmp_path / "lake" / "trades", [*(trade(number) for number in (0, 1)), *big, trade(6, every_s=700)])
    return tmp_path


def test_hours_are_stored_with_a_report_each_and_a_picture(home: Path, database: str) -> None:
    done = dg.materialize(
        [size_bands],
        tags={f"{RANGE_TAG}start": "2026-01-02-10:00", f"{RANGE_TAG}end": "2026-01-02-11:00"},
        resources=build_resources(home=str(home)),
    )
    told = {event.partition: event.metadata for event in done.asset_materializations_for_node("size_bands")}
    assert [told[f"2026-01-02-{hour}:00"]["trades"].value for hour in (10, 11)] == [4, 1]
    assert "| from $1M | $4,000,000 | $0 | $4,000,000 | 2 |" in str(told["2026-01-02-10:00"]["report"].value)
    assert "data:image/png" in str(told["2026-01-02-11:00"]["picture"].value)
    assert query(database, "SELECT count(*), count(DISTINCT run_id) FROM size_bands") == [(4, 1)]


def test_bands_that_do_not_add_up_to_their_window_are_found(home: Path, database: str) -> None:
    minute = datetime(2026, 1, 2, 10, tzinfo=UTC)
    window = WINDOW._replace(window_start=minute, trade_count=2, notional="402", quote="USDT", usd_via="peg:USDT")
    store(database, [window, window._replace(symbol="OTHER")])

    def check() -> tuple[bool, Any]:
        done = dg.materialize(
            [size_bands, bands_are_their_windows],
            partition_key="2026-01-02-10:00",
            resources=build_resources(home=str(home)),
        )
        (found,) = done.get_asset_check_evaluations()
        return found.passed, found.metadata["wrong"].value

    assert check() == (True, 0)
    query(database, "UPDATE trade_windows SET notional = 402.01 WHERE symbol = 'BTCUSDT'; SELECT 1")
    assert check() == (False, 1)
    query(database, "UPDATE trade_windows SET trade_count = 3 WHERE symbol = 'BTCUSDT'; SELECT 1")
    assert check() == (True, 0), "one of the two has not got all trades yet"


def test_a_lake_that_cant_be_read_fails_the_run(home: Path) -> None:
    next((home / "lake" / "trades").glob("date=*/hour=10/*.parquet")).write_bytes(b"torn")
    done = dg.materialize(
        [size_bands],
        partition_key="2026-01-02-10:00",
        resources=build_resources(home=str(home)),
        raise_on_error=False,
    )
    assert not done.success
