"""Everything Dagster shows and runs here: `dagster definitions validate`, `dagster asset materialize`, the UI."""

import dagster as dg

from whale_platform.defs import (
    check_jobs,
    checkpoint,
    controls,
    health,
    housekeeping,
    retention,
    schedules,
    shifts,
    thresholds,
)
from whale_platform.defs.assets import ASSETS
from whale_platform.defs.external import specs
from whale_platform.defs.store import Store
from whale_platform.settings import Settings

_settings = Settings()
defs = dg.Definitions(
    assets=[*specs(_settings), thresholds.whale_thresholds, *ASSETS],
    asset_checks=check_jobs.CHECKS,
    jobs=[
        *shifts.JOBS.values(),
        *controls.JOBS,
        schedules.hourly_assets,
        schedules.daily_assets,
        check_jobs.stream_checks,
        thresholds.suggest_job,
        retention.retention,
        checkpoint.checkpoint_reset,
        housekeeping.dagster_housekeeping,
    ],
    schedules=[
        schedules.every_hour,
        schedules.every_day,
        schedules.repair_hours,
        check_jobs.every_hour,
        thresholds.every_day,
        retention.schedule(_settings),
        housekeeping.every_night,
    ],
    sensors=[*shifts.SENSORS, health.stream_health],
    resources={"store": Store()},
    executor=dg.in_process_executor,  # a process for each step would cost 5 s and 100 MB, and do the same work
)
