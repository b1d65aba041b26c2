"""Size bands through Dagster itself, on a real database and a made lake."""

from pathlib import Path

import dagster as dg
import pytest

from whale_platform.defs.reports.size_bands import size_bands
from whale_platform.defs.resources import build_resources
from whale_platform.defs.shared.partitions import RANGE_TAG
from whale_platform_tests.lake.builders import lay, trade
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


def test_a_lake_that_cant_be_read_fails_the_run(home: Path) -> None:
    next((home / "lake" / "trades").glob("date=*/hour=10/*.parquet")).write_bytes(b"torn")
    done = dg.materialize(
        [size_bands],
        partition_key="2026-01-02-10:00",
        resources=build_resources(home=str(home)),
        raise_on_error=False,
    )
    assert not done.success
