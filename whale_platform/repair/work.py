"""`python -m whale_platform.repair.work all | HOUR…`: compares these hours, repairs what is wrong, says how many.

One line of JSON on stdout, with `waits` where another recomputation is at work, and nothing was done. Ends with code 1
and a line in the log where lake, Postgres or Spark can't be used now: what was stored until then is whole hours.
"""

import json
import signal
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog

from whale_platform.lake.errors import LakeError
from whale_platform.repair import recompute_hours
from whale_platform.repair.changed_hours import list_closed_hours
from whale_platform.settings import Settings
from whale_platform.stores.asset_tables.materialisation import HOUR, Provenance
from whale_platform.stores.errors import AdvisoryLockHeldError, PostgresError
from whale_platform.supervision.processes import parent_watch
from whale_platform.supervision.runtime import log_setup
from whale_platform.supervision.runtime.settings_reader import read_settings
from whale_platform.toolchain.errors import ToolchainError
from whale_platform.version import code_version, new_run_id

if TYPE_CHECKING:
    from whale_platform.stream.batch_recompute import BatchSession


def main(argv: Sequence[str]) -> int:
    """Returns the exit code."""
    parent_watch.die_with_parent(signal.SIGTERM)
    settings = read_settings("repair")
    log_setup.configure_logging(settings.log_level)
    log = structlog.get_logger().bind(service="repair")
    try:
        print(json.dumps(repair_named(settings, argv, log)))
    except AdvisoryLockHeldError as busy:
        log.info("nothing is compared now", reason=str(busy))
        print(json.dumps({"waits": str(busy)}))
    except (LakeError, PostgresError, ToolchainError, OSError) as error:
        log.error("hours can't be repaired", error=str(error))
        return 1
    return 0


def repair_named(settings: Settings, argv: Sequence[str], log: structlog.stdlib.BoundLogger) -> dict[str, Any]:
    """Repair; `argv` as on the command line. Returns {what: how many}, and under `failed` the hours that can't be.

    Raises as `recompute_hours.repair_hours`, AdvisoryLockHeldError where another recomputation is under way, and
    OSError.
    """
    known = list_closed_hours(settings, datetime.now(UTC))
    hours = [known.start + number * HOUR for number in range(known.count)]
    if list(argv) != ["all"]:
        asked = {datetime.fromisoformat(word) for word in argv}
        hours = [hour for hour in hours if hour in asked]
    maker = Provenance(new_run_id("recompute"), code_version())
    failed: dict[datetime, str] = {}
    dsn = settings.dsn("dagster")
    with recompute_hours.lock_batch(dsn, maker):
        done = recompute_hours.repair_hours(settings, dsn, hours, maker, lambda: _spark(settings), failed)
    for hour, reason in failed.items():
        log.error("hour can't be repaired", hour=hour.isoformat(), error=reason)
    for hour, made in done.items():
        log.info("hour made again from the lake", hour=hour.isoformat(), run=maker.run_id, **made.to_dict())
    return {
        "hours_compared": len(hours),
        "hours_repaired": len(done),
        "whales_taken_back": sum(made.whales_taken_back for made in done.values()),
        "failed": [hour.isoformat() for hour in failed],
    }


def _spark(settings: Settings) -> "AbstractContextManager[BatchSession]":
    from whale_platform.stream import (
        batch_recompute,  # only where there is something to do: it takes a second and 50 MB
    )

    return batch_recompute.open_batch_session(settings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
