"""Everything Dagster shows and runs here: `dagster definitions validate`, `dagster asset materialize`, the UI."""

import dagster as dg

from whale_platform.defs import checkpoint, checks, controls, health, retention, schedules, shifts
from whale_platform.defs.assets import ASSETS
from whale_platform.defs.external import specs
from whale_platform.defs.store import Store
from whale_platform.settings import Settings

_settings = Settings()
defs = dg.Definitions(
    assets=[*specs(_settings), *ASSETS],
    asset_checks=checks.CHECKS,
    jobs=[
        *shifts.JOBS.values(),
        *controls.JOBS,
        schedules.hourly_assets,
        schedules.daily_assets,
        checks.stream_checks,
        retention.retention,
        checkpoint.checkpoint_reset,
    ],
    schedules=[
        schedules.every_hour,
        schedules.every_day,
        schedules.repair_hours,
        checks.every_hour,
        retention.schedule(_settings),
    ],
    sensors=[*shifts.SENSORS, health.stream_health],
    resources={"store": Store()},
)
