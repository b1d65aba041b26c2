"""Everything Dagster shows and runs here: `dagster definitions validate`, `dagster asset materialize`, the UI."""

import dagster as dg

from whale_platform.defs import (
    check_jobs,
    checkpoint,
    controls,
    health,
    history,
    housekeeping,
    lake,
    lake_retention,
    recomputed,
    remaking,
    retention,
    schedules,
    shifts,
    thresholds,
    upkeep,
)
from whale_platform.defs.assets import ASSETS
from whale_platform.defs.external import specs
from whale_platform.defs.spark import Spark
from whale_platform.defs.store import Store
from whale_platform.settings import Settings

_settings = Settings()
defs = dg.Definitions(
    assets=[
        *specs(_settings),
        thresholds.whale_thresholds,
        history.imported_trades,
        lake.compacted_trades,
        recomputed.windows_from_lake,
        *ASSETS,
    ],
    asset_checks=check_jobs.CHECKS,
    jobs=[
        *shifts.JOBS.values(),
        *controls.JOBS,
        schedules.hourly_assets,
        schedules.daily_assets,
        check_jobs.stream_checks,
        thresholds.suggest_job,
        lake.lake_compaction,
        recomputed.late_trades,
        remaking.remake_hours,
        retention.retention,
        lake_retention.lake_retention,
        lake_retention.lake_vacuum,
        checkpoint.checkpoint_reset,
        housekeeping.dagster_housekeeping,
    ],
    schedules=[
        schedules.every_hour,
        schedules.every_day,
        schedules.repair_hours,
        schedules.repair_days,
        check_jobs.every_hour,
        thresholds.every_day,
        lake.every_hour,
        recomputed.every_hour,
        retention.schedule(_settings),
        lake_retention.schedule(_settings),
        lake_retention.vacuum_every_night,
        housekeeping.every_night,
    ],
    sensors=[shifts.sensor, health.stream_health, remaking.remake_imported_hours],
    resources={"store": Store(), "spark": Spark()},
    executor=upkeep.upkeep_executor,
)
