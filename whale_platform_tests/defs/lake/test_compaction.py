"""The lake's upkeep through Dagster: compaction with its numbers, dry runs, and what damage is told."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from whale_platform.defs.lake.assets import CompactionConfig, compacted_trades
from whale_platform.defs.lake.jobs import LakeRetentionConfig, VacuumConfig, lake_retention, lake_vacuum
from whale_platform.defs.lake.schedules import build_retention_schedule
from whale_platform.defs.shared.platform_settings import PlatformSettings
from whale_platform.lake.delta import table
from whale_platform.settings import Settings
from whale_platform_tests.lake.builders import START, ids, lay, trade


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "lake" / "trades"


def platform(root: Path) -> dict[str, PlatformSettings]:
    """The resources of the home that this lake is in."""
    return {"platform": PlatformSettings(home=str(root.parent.parent))}


def compacted(root: Path, open_hour: bool = False) -> dict[str, float]:
    done = dg.materialize(
        [compacted_trades],
        run_config=dg.RunConfig({"lake__compacted_trades": CompactionConfig(open_hour=open_hour)}),
        resources=platform(root),
    )
    (found,) = done.asset_materializations_for_node("lake__compacted_trades")
    return {name: value.value for name, value in found.metadata.items() if isinstance(value.value, int | float)}


def test_closed_hours_become_one_file_and_the_numbers_say_so(root: Path) -> None:
    assert compacted(root)["hours"] == 0, "without a lake there is nothing to do"
    for part in range(5):
        lay(root, [trade(part * 300 + number, every_s=3) for number in range(300)], first_offset=part * 300)
    found = compacted(root)
    assert (found["hours"], found["trades"], found["files_before"], found["files_after"]) == (2, 1500, 5, 2)
    assert found["bytes_after"] < found["bytes_before"] < found["csv_bytes"]
    assert 0 < found["saved_as_written"] < found["saved_after"] < 1
    assert compacted(root)["hours"] == 0
    assert len(ids(root)) == 1500


def test_the_hour_that_is_written_now_is_left_alone_unless_asked_for(root: Path) -> None:
    now = datetime.now(UTC)
    number = int((now - START).total_seconds())
    lay(root, [trade(number)])
    lay(root, [trade(number + 1)], first_offset=1)
    assert compacted(root)["hours"] == 0
    assert compacted(root, open_hour=True)["hours"] >= 1


def test_a_damaged_file_fails_the_run_and_other_hours_are_done(root: Path) -> None:
    lay(root, [trade(number, every_s=1200) for number in range(6)])
    lay(root, [trade(number, every_s=1200) for number in range(6, 12)], first_offset=6)
    victim = root / table.list_files(table.open_table(root))[0].path
    victim.write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(dg.Failure, match="whale lake restore"):
        compacted(root)
    sizes = [file.rows for file in table.list_files(table.open_table(root), START + timedelta(hours=1))]
    assert sizes == [3, 3, 3], "the other hours are one file each"


def test_retention_and_vacuum_say_first_what_they_would_do(root: Path, tmp_path: Path) -> None:
    name = tmp_path.name
    lay(root, [trade(0), trade(1)])
    lay(root, [trade(number, every_s=30_000_000) for number in (1,)], first_offset=2)
    before = ids(root)

    def let_go(days: int, dry_run: bool) -> str:
        config = LakeRetentionConfig(days=days, dry_run=dry_run, confirm_home=name)
        done = lake_retention.execute_in_process(
            run_config=dg.RunConfig({"let_old_lake_days_go": config}), resources=platform(root)
        )
        (event,) = [one for one in done.all_node_events if one.is_successful_output]
        return str(event.step_output_data.metadata.get("plan", "nothing"))

    assert let_go(0, dry_run=False) == "nothing", "no age was chosen"
    assert "2026-01-02" in let_go(1, dry_run=True)
    assert ids(root) == before
    let_go(1, dry_run=False)
    assert len(ids(root)) < len(before)

    def vacuum(dry_run: bool) -> int:
        config = VacuumConfig(hours=0, dry_run=dry_run, confirm_home=name)
        run_config = dg.RunConfig({"vacuum_lake": config})
        assert lake_vacuum.execute_in_process(run_config=run_config, resources=platform(root)).success
        return len(list(root.rglob("*.parquet")))

    assert vacuum(dry_run=True) > vacuum(dry_run=False)


def test_what_is_young_goes_only_by_the_home_s_name(root: Path) -> None:
    lay(root, [trade(0), trade(1)])
    lay(root, [trade(2)], first_offset=2)
    compacted(root)
    before = ids(root), len(list(root.rglob("*.parquet")))
    for job, op, config, why in (
        (
            lake_retention,
            "let_old_lake_days_go",
            LakeRetentionConfig(days=1, dry_run=False),
            "days is 1: keeping fewer than 7",
        ),
        (lake_vacuum, "vacuum_lake", VacuumConfig(hours=0, dry_run=False), "hours is 0: keeping fewer than 24"),
    ):
        done = job.execute_in_process(
            run_config=dg.RunConfig({op: config}), resources=platform(root), raise_on_error=False
        )
        assert f"{why} has to be confirmed: set `confirm_home: " in str(done.failure_data_for_node(op))
    assert (ids(root), len(list(root.rglob("*.parquet")))) == before


def test_the_lake_keeps_everything_unless_an_age_is_set(ours: None) -> None:
    assert build_retention_schedule(Settings()).default_status == dg.DefaultScheduleStatus.STOPPED
    assert build_retention_schedule(Settings(lake_retention_days=7)).default_status == dg.DefaultScheduleStatus.RUNNING
    assert (
        build_retention_schedule(Settings(lake_retention_days=7, source="replay")).default_status
        == dg.DefaultScheduleStatus.STOPPED
    )
