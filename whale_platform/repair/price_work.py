"""`python -m whale_platform.repair.price_work`: stores the prices around whales that the lake has got since.

At most MOST whales, the oldest first, hour by hour: what is stored when it is ended stays. One line of JSON on stdout.
Ends with code 1 and a line in the log where lake or Postgres can't be used now.
"""

import json
import signal
import sys
from itertools import groupby

import structlog

from whale_platform.lake.errors import LakeError
from whale_platform.repair import price_rows
from whale_platform.storage.folders import Folder
from whale_platform.stores.asset_tables import whale_prices
from whale_platform.stores.asset_tables.materialisation import Provenance
from whale_platform.stores.asset_tables.whale_prices import GIVEN_UP_AFTER, SETTLED_AFTER, DueWhale, WhalePriceRow
from whale_platform.stores.errors import PostgresError
from whale_platform.supervision.processes import parent_watch
from whale_platform.supervision.runtime import log_setup
from whale_platform.supervision.runtime.settings_reader import read_settings
from whale_platform.version import code_version, new_run_id

MOST = 2_000


def main() -> int:
    """Returns the exit code."""
    parent_watch.die_with_parent(signal.SIGTERM)
    settings = read_settings("repair")
    log_setup.configure_logging(settings.log_level)
    maker = Provenance(new_run_id("prices"), code_version())
    try:
        stored = store_due_prices(settings.trades_lake, settings.dsn("dagster"), maker)
    except (LakeError, PostgresError, OSError) as error:
        structlog.get_logger().error("prices around whales can't be read", service="repair", error=str(error))
        return 1
    print(json.dumps({"whales_priced": stored}))
    return 0


def store_due_prices(root: Folder, dsn: str, provenance: Provenance, most: int = MOST) -> int:
    """Store what the lake has around the whales that are due, at most so many; returns how many were looked at.

    Raises LakeError and PostgresError: the hours before stay stored.
    """
    due = whale_prices.read_due_whales(dsn, most)
    for _, some in groupby(due, lambda whale: whale.event_time.replace(minute=0, second=0, microsecond=0)):
        whales = list(some)
        rows = price_rows.find_whale_prices(root, [whale.ref for whale in whales])
        reached = {whale[:4]: whale for whale in whales}
        settled = [row._replace(settled=_is_settled(row, reached[row[:4]])) for row in rows]
        whale_prices.store_prices(dsn, settled, provenance)
    return len(due)


def _is_settled(row: WhalePriceRow, whale: DueWhale) -> bool:
    age = whale.reached - whale.event_time
    return age > (SETTLED_AFTER if row.complete else GIVEN_UP_AFTER)


if __name__ == "__main__":
    sys.exit(main())
