"""Everything Dagster shows and runs here: `dagster definitions validate`, `dagster asset materialize`, the UI."""

import dagster as dg

from whale_platform.defs import schedules
from whale_platform.defs.lake_assets import compaction, imported_hours, imports, lake_retention, recompute
from whale_platform.defs.lineage import sensors
from whale_platform.defs.lineage.assets import build_specs
from whale_platform.defs.maintenance import checkpoint_reset, housekeeping, retention
from whale_platform.defs.quality import check_jobs
from whale_platform.defs.reports import thresholds
from whale_platform.defs.reports.assets import ASSETS
from whale_platform.defs.services import controls, shifts
from whale_platform.defs.shared import upkeep
from whale_platform.defs.shared.spark_resource import SparkResource
from whale_platform.defs.shared.store_resource import StoreResource
from whale_platform.settings import Settings

_settings = Settings()
defs = dg.Definitions(
    assets=[
        *build_specs(_settings),
        thresholds.whale_thresholds,
        imports.imported_trades,
        compaction.compacted_trades,
        recompute.windows_from_lake,
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
        compaction.lake_compaction,
        recompute.late_trades,
        imported_hours.remake_hours,
        retention.retention,
        lake_retention.lake_retention,
        lake_retention.lake_vacuum,
        checkpoint_reset.checkpoint_reset,
        housekeeping.dagster_housekeeping,
    ],
    schedules=[
        schedules.rollups_hourly,
        schedules.reports_daily,
        schedules.repair_hours,
        schedules.repair_days,
        check_jobs.checks_hourly,
        thresholds.thresholds_daily,
        compaction.compaction_hourly,
        recompute.late_trades_hourly,
        retention.build_schedule(_settings),
        lake_retention.build_schedule(_settings),
        lake_retention.vacuum_nightly,
        housekeeping.housekeeping_nightly,
    ],
    sensors=[shifts.shifts_sensor, sensors.stream_health, imported_hours.remake_imported_hours],
    resources={"store": StoreResource(), "spark": SparkResource()},
    executor=upkeep.upkeep_executor,
)
