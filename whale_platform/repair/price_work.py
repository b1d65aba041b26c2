"""`python -m whale_platform.repair.price_work`: stores the prices around whales that the lake has got since.

At most MOST whales, the oldest first, hour by hour: what is stored when it is ended stays. One line of JSON on stdout.
A damaged file costs its own hours their prices, and is logged. Ends with code 1 and a line in the log where lake or
Postgres can't be used now.
"""

import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import groupby

import structlog

from whale_platform.lake.delta.schema import table_exists
from whale_platform.lake.errors import DamagedFileError, LakeError
from whale_platform.repair import price_rows
from whale_platform.storage.folders import Folder
from whale_platform.stores.asset_tables import whale_prices
from whale_platform.stores.asset_tables.materialisation import HOUR, Provenance
from whale_platform.stores.asset_tables.whale_prices import GIVEN_UP_AFTER, SETTLED_AFTER, DueWhale, WhalePriceRow
from whale_platform.stores.errors import PostgresError
from whale_platform.supervision.processes import parent_watch
from whale_platform.supervision.runtime import log_setup
from whale_platform.supervision.runtime.settings_reader import read_settings
from whale_platform.version import code_version, new_run_id

MOST = 2_000


@dataclass(slots=True)
class PriceCounts:
    """How many whales were due, and of how many a row has changed.

    damaged: hours (start, aware UTC) with a file that can't be read, with the reason.
    """

    due: int = 0
    changed: int = 0
    damaged: dict[datetime, str] = field(default_factory=dict)


def main() -> int:
    """Returns the exit code."""
    parent_watch.die_with_parent(signal.SIGTERM)
    settings = read_settings("repair")
    log_setup.configure_logging(settings.log_level)
    log = structlog.get_logger().bind(service="repair")
    maker = Provenance(new_run_id("prices"), code_version())
    try:
        done = store_due_prices(settings.trades_lake, settings.dsn("dagster"), maker)
    except (LakeError, PostgresError, OSError) as error:
        log.error("prices around whales can't be read", error=str(error))
        return 1
    for hour, reason in done.damaged.items():
        log.error("prices around the whales of an hour can't be read", hour=hour.isoformat(), error=reason)
    damaged = {hour.isoformat(): reason for hour, reason in done.damaged.items()}
    print(json.dumps({"whales_priced": done.changed, "whales_due": done.due, "damaged_hours": damaged}))
    return 0


def store_due_prices(root: Folder, dsn: str, provenance: Provenance, most: int = MOST) -> PriceCounts:
    """Store what the lake has around the whales that are due, at most so many.

    Nothing is settled by a stream that is ahead of the lake. An hour whose prices are in a damaged file keeps no other
    waiting; its whales are given up as those of which the lake gets nothing. Raises LakeError and PostgresError: the
    hours before stay stored.
    """
    due = whale_prices.read_due_whales(dsn, most)
    done = PriceCounts(len(due))
    newest = price_rows.find_newest_hour(root) if due and table_exists(root) else None
    if newest is None:
        return done
    for hour, some in groupby(due, _find_hour):
        whales = [whale._replace(reached=min(whale.reached, newest + HOUR)) for whale in some]
        try:
            done.changed += whale_prices.store_prices(dsn, partial(_find_rows, root, whales), provenance)
        except DamagedFileError as error:
            done.damaged[hour] = str(error)
            unknown = [WhalePriceRow(*whale.key, None, None, None, None, None, None) for whale in whales]
            given_up = [row for row in _settle(unknown, whales) if row.settled]
            done.changed += whale_prices.store_prices(dsn, partial(list, given_up), provenance)
    return done


def _find_rows(root: Folder, whales: Sequence[DueWhale]) -> list[WhalePriceRow]:
    return _settle(price_rows.find_whale_prices(root, [whale.ref for whale in whales]), whales)


def _settle(rows: Sequence[WhalePriceRow], whales: Sequence[DueWhale]) -> list[WhalePriceRow]:
    by_key = {whale.key: whale for whale in whales}
    return [row._replace(settled=_is_settled(row, by_key[row[:4]])) for row in rows]


def _find_hour(whale: DueWhale) -> datetime:
    return whale.event_time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _is_settled(row: WhalePriceRow, whale: DueWhale) -> bool:
    age = whale.reached - whale.event_time
    return age > (SETTLED_AFTER if row.complete else GIVEN_UP_AFTER)


if __name__ == "__main__":
    sys.exit(main())
