"""When closed hours that differ from the lake are looked for, where no repair service does it."""

import dagster as dg

from whale_platform.defs.recompute.jobs import late_trades
from whale_platform.defs.shared.own_instance import schedule_status
from whale_platform.defs.shared.platform_settings import PlatformSettings
from whale_platform.defs.shared.upkeep import request_unless_behind
from whale_platform.supervision.control import overload, state_files


@dg.schedule(
    name="late_trades_every_hour",
    job=late_trades,
    cron_schedule="17 * * * *",
    execution_timezone="UTC",
    default_status=schedule_status(),
    description="Looks for closed hours that are not what the lake has and makes them again, where no service `repair` "
    "is kept.",
)
def late_trades_hourly(platform: PlatformSettings) -> dg.RunRequest | dg.SkipReason:
    """Return the request of a run, unless the repair service does its work or the stream is behind."""
    kept = state_files.read_working_state(platform.folder, "repair")
    entry = (kept or {}).get("services", {}).get("repair", {})
    if entry.get("state", "stopped") not in overload.IGNORED_STATES:
        return dg.SkipReason("the service `repair` does this here, within minutes: see `whale status`")
    return request_unless_behind(platform)
