"""`python -m whale_platform.repair.band_work all | MINUTE…`: stores size bands as the lake has them.

From each minute to the end of its hour. Prints one line of JSON with the minutes that are `left` for another call, and
the hours that `failed`, with a line in the log for each. Ends with code 1 and a line in the log where lake or Postgres
can't be used now: what was stored until then is right.
"""

import json
import signal
import sys
from collections.abc import Sequence
from datetime import datetime

import structlog

from whale_platform.lake.errors import LakeError
from whale_platform.repair import band_rows
from whale_platform.repair.changed_hours import LOOK_BACK_DAYS
from whale_platform.stores.asset_tables.materialisation import Provenance
from whale_platform.stores.errors import PostgresError
from whale_platform.supervision.processes import parent_watch
from whale_platform.supervision.runtime import log_setup
from whale_platform.supervision.runtime.settings_reader import read_settings
from whale_platform.version import code_version, new_run_id


def main(argv: Sequence[str]) -> int:
    """Returns the exit code."""
    parent_watch.die_with_parent(signal.SIGTERM)
    settings = read_settings("repair")
    log_setup.configure_logging(settings.log_level)
    starts = None if list(argv) == ["all"] else [datetime.fromisoformat(word) for word in argv]
    days = min(LOOK_BACK_DAYS, settings.retention_days)
    maker = Provenance(new_run_id("bands"), code_version())
    log = structlog.get_logger().bind(service="repair")
    try:
        done = band_rows.refresh_bands(settings.trades_lake, settings.dsn("dagster"), starts, days, maker)
    except (LakeError, PostgresError, OSError) as error:
        log.error("size bands can't be refreshed", error=str(error))
        return 1
    for hour, reason in done.failed.items():
        log.error("an hour's size bands can't be refreshed", hour=hour.isoformat(), error=reason)
    print(json.dumps({name: [time.isoformat() for time in times] for name, times in done._asdict().items()}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
