"""Everything Dagster shows and runs here: `dagster definitions validate`, `dagster asset materialize`, the UI."""

import dagster as dg

from whale_platform.defs import schedules
from whale_platform.defs.assets import ASSETS
from whale_platform.defs.external import specs
from whale_platform.defs.store import Store
from whale_platform.settings import Settings

defs = dg.Definitions(
    assets=[*specs(Settings()), *ASSETS],
    jobs=[schedules.hourly_assets],
    schedules=[schedules.every_hour, schedules.repair_hours],
    resources={"store": Store()},
)
