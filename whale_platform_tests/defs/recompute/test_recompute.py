"""Hours made anew from the lake, on a real database and Spark: after late trades, and for imported history."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from whale_platform.defs.imports.assets import HOURS_METADATA
from whale_platform.defs.imports.sensors import remake_imported_hours
from whale_platform.defs.lineage.assets import IMPORTED_KEY
from whale_platform.defs.recompute.assets import windows_from_lake
from whale_platform.defs.recompute.jobs import late_trades
from whale_platform.defs.resources import build_resources
from whale_platform.defs.shared.partitions import RANGE_TAG, group_consecutive
from whale_platform.domain.trade import Trade
from whale_platform.stores.asset_tables.thresholds import set_threshold
from whale_platform.version import code_version, parse_run_id
from whale_platform_tests.lake.builders import START, lay, trade
from whale_platform_tests.support.postgres_server import query
from whale_platform_tests.support.spark_jvm import end_own_jvm

WINDOWS = "SELECT symbol, window_start, trade_count, volume, run_id FROM trade_windows ORDER BY 1, 2"


@pytest.fixture(scope="module", autouse=True)
def jvm() -> Iterator[None]:
    with end_own_jvm():
        yield


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "lake" / "trades"


@pytest.fixture
def resources(database: str, tmp_path: Path) -> dict[str, dg.ConfigurableResource[Any]]:
    return build_resources(home=str(tmp_path), postgres_dsn=database)


def lately(count: int) -> Sequence[Trade]:
    """Trades of the full hour before last, a minute apart."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    first = int((hour - START).total_seconds()) // 60
    return [trade(first + number, every_s=60, quantity="1000" if number == 7 else "2") for number in range(count)]


def test_late_trades_are_found_made_good_and_looked_for_no_more(
    root: Path, database: str, resources: dict[str, dg.ConfigurableResource[Any]]
) -> None:
    assert late_trades.execute_in_process(resources=resources).success, "without a lake there is nothing to do"
    trades = lately(40)
    lay(root, trades[:30])
    late_trades.execute_in_process(resources=resources)
    assert len(query(database, WINDOWS)) == 30
    assert query(database, "SELECT trade_id, notional_usd FROM whale_alerts") == [
        (trades[7].trade_id, Decimal("100500.0"))
    ]
    lay(root, trades[30:], first_offset=30)
    lay(root, trades[5:10], first_offset=40)  # and some that came twice
    second = late_trades.execute_in_process(resources=resources)
    found = query(database, WINDOWS)
    assert [row[2] for row in found] == [1] * 40
    known = [row[4] for row in found]
    assert known == [known[0]] * 30 + [known[-1]] * 10 and known[0] != known[-1], "what was right stays as it was"
    made = {
        str(one.asset_key.to_user_string())
        for one in second.all_events
        if one.is_step_materialization and one.asset_key
    }
    assert made == {"lake/windows_from_lake", "hourly_rollups", "whale_reports"}
    rows = {
        event.asset_key.to_user_string(): event.step_materialization_data.materialization.metadata
        for event in second.all_events
        if event.is_step_materialization and event.asset_key
    }
    assert rows["hourly_rollups"]["dagster/partition_row_count"].value == 1, "its partition says what it holds"
    assert rows["whale_reports"]["dagster/partition_row_count"].value == 1
    assert query(database, "SELECT trade_count, run_id FROM hourly_rollups") == [(40, known[-1])]
    assert len(list((root.parent.parent / "recompute").iterdir())) == 1, "a scratch folder a process, kept for its JVM"
    third = late_trades.execute_in_process(resources=resources)
    assert not [one for one in third.all_events if one.is_step_materialization]
    assert query(database, WINDOWS) == found
    count_wrong_both_ways(root, database, trades)
    fourth = late_trades.execute_in_process(resources=resources)
    again = query(database, WINDOWS)
    assert [row[:4] for row in again[:-1]] == [row[:4] for row in found] and again[-1][0] == "ETHUSDT"
    run_id = query(database, "SELECT DISTINCT run_id FROM trade_windows WHERE run_id NOT IN (%s, %s)", *runs(found))
    assert len(run_id) == 1 and parse_run_id(str(run_id[0][0])).service == "recompute"
    assert parse_run_id(str(run_id[0][0])).code == code_version(), "the commit is in the run of a recomputation too"
    assert query(database, "SELECT trade_id FROM whale_alerts") == [(trades[7].trade_id,)]
    assert query(database, "SELECT trade_id, taken_back_by FROM whales_taken_back") == [
        (trades[9].trade_id, *run_id[0])
    ]
    assert query(database, "SELECT trade_count FROM hourly_rollups ORDER BY symbol") == [(40,), (1,)]
    assert query(database, "SELECT whales FROM whale_reports ORDER BY symbol") == [(1,), (0,)]
    assert [one for one in fourth.all_events if one.is_step_materialization]
    places = query(database, "SELECT topic_partition, topic_offset FROM trade_windows WHERE symbol = 'ETHUSDT'")
    assert places == [(0, 60)]


def count_wrong_both_ways(root: Path, database: str, trades: Sequence[Trade]) -> None:
    """One symbol has a trade too many, another lacks one, so that the hour's sum is right; and a whale too many.

    The threshold is lowered now, so by today's every trade of the hour would be a whale.
    """
    lay(root, [trades[0]._replace(symbol="ETHUSDT", base="ETH")], first_offset=60)
    query(
        database,
        "UPDATE trade_windows SET trade_count = 2 WHERE first_trade_id = (SELECT min(first_trade_id) FROM "
        "trade_windows)",
    )
    query(
        database,
        "INSERT INTO whale_alerts SELECT exchange, symbol, kind, trade_id + 2, side, price, quantity, "
        "notional_usd, threshold_usd, event_time, received_time, detected_time, source, run_id FROM whale_alerts",
    )
    set_threshold(database, "binance", "BTCUSDT", Decimal("0.01"))


def runs(found: list[tuple[Any, ...]]) -> list[str]:
    """The two run ids of these windows."""
    return sorted({str(row[4]) for row in found})


def test_imported_hours_are_asked_for_and_reported_like_live_ones(
    root: Path, database: str, resources: dict[str, dg.ConfigurableResource[Any]]
) -> None:
    as_imported: Any = "import"
    lay(root, [trade(number, every_s=600, quantity="9999")._replace(source=as_imported) for number in range(12)])
    instance = dg.DagsterInstance.ephemeral()
    imported = ([START - timedelta(days=900)], [START, START + timedelta(hours=1)], [START + timedelta(days=2)])
    for hours in (imported[0], [*imported[1], *imported[2]]):
        told = {HOURS_METADATA: dg.MetadataValue.json(group_consecutive(hours))}
        instance.report_runless_asset_event(dg.AssetMaterialization(IMPORTED_KEY, metadata=told))
    instance.report_runless_asset_event(dg.AssetMaterialization(IMPORTED_KEY, metadata={"files": 2}))
    context = dg.build_sensor_context(instance=instance, cursor=None)
    tick = remake_imported_hours.evaluate_tick(context)
    asked = [one for one in tick.run_requests or () if "2026" in one.tags[f"{RANGE_TAG}start"]]
    assert len(tick.run_requests or ()) == 3, "each file of one tick, and not the days between"
    assert [request.tags[f"{RANGE_TAG}end"] for request in asked] == ["2026-01-02-11:00", "2026-01-04-10:00"]
    again = remake_imported_hours.evaluate_tick(dg.build_sensor_context(instance=instance, cursor=tick.cursor))
    assert not again.run_requests
    assert again.skip_message
    tags = {name: value for name, value in asked[0].tags.items() if name.startswith(RANGE_TAG)}
    assert dg.materialize([windows_from_lake], tags=tags, resources=resources).success
    assert query(database, "SELECT hour, trade_count FROM hourly_rollups ORDER BY 1") == [
        (START, 6),
        (START + timedelta(hours=1), 6),
    ]
    assert query(database, "SELECT sum(whales) FROM whale_reports") == [(12,)]
    assert query(database, "SELECT day FROM imported_days") == [(START.date(),)], "retention lets it be"
