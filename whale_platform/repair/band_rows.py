"""The size bands of minutes, computed from the lake and stored.

Of the lake's newest hour only the last minutes are read, so that a pass costs the same at the hour's end as at its
start: what comes more than LOOK_BACK late is counted once the hour is over, when it is read whole. Raises LakeError's
subclasses and PostgresUnusableError; a lake that is not there yet has no bands.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from itertools import groupby

from whale_platform.lake.analysis import size_bands as lake_bands
from whale_platform.lake.delta import table
from whale_platform.lake.delta.schema import table_exists
from whale_platform.lake.delta.table import LakeFile
from whale_platform.storage.folders import Folder
from whale_platform.stores.asset_tables import size_bands
from whale_platform.stores.asset_tables.materialisation import HOUR, HourRange, Provenance

LOOK_BACK = timedelta(minutes=1)  # before the newest minute that is stored
HOURS_AT_ONCE = 6  # newest first, so that a home that has none yet shows the last ones at once


def refresh_bands(
    root: Folder, dsn: str, hours: Collection[datetime] | None, days: int, provenance: Provenance
) -> list[datetime]:
    """Store the bands of those of `hours` (aware UTC) that the lake has, as many as are done at once.

    None: of its newest hour, and of all that have other trades than what is stored. days: hours that lie further before
    the newest are left out. Returns the hours that are left for another call.
    """
    files = dict(_list_hours(root, None, None))
    if not files:
        return []
    newest = max(files)
    known = HourRange(newest - timedelta(days=days), newest + HOUR)
    stored = size_bands.read_stored_hours(dsn, known)
    if hours is None:
        rows = {hour: sum(file.rows for file in some) for hour, some in files.items()}
        hours = {newest, *(hour for hour in files if hour not in stored or stored[hour].trades != rows[hour])}
    due = sorted((hour for hour in files.keys() & hours if hour >= known.start), reverse=True)
    for hour in due[:HOURS_AT_ONCE]:
        begun = hour == newest and hour in stored
        start = max(hour, stored[hour].newest - LOOK_BACK) if begun else hour
        _store(root, dsn, files[hour], start, hour + HOUR, provenance)
    return due[HOURS_AT_ONCE:]


def store_whole_hours(root: Folder, dsn: str, hours: HourRange, provenance: Provenance) -> None:
    """Store the bands of those of `hours` that the lake has trades of; what is stored of the others stays."""
    for hour, files in _list_hours(root, hours.start, hours.end):
        _store(root, dsn, files, hour, hour + HOUR, provenance)


def _list_hours(
    root: Folder, start: datetime | None, end: datetime | None
) -> Iterator[tuple[datetime, list[LakeFile]]]:
    found = table.list_files(table.open_table(root), start, end) if table_exists(root) else []
    return ((hour, list(files)) for hour, files in groupby(found, key=lambda file: file.start))


def _store(
    root: Folder, dsn: str, files: Collection[LakeFile], start: datetime, end: datetime, provenance: Provenance
) -> None:
    rows = lake_bands.read_bands(root, [file.path for file in files], start, end)
    size_bands.replace_bands(dsn, start, end, rows, provenance)
