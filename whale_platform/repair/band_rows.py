"""The size bands of minutes, computed from the lake and stored.

A pass reads an hour from the first minute on that has new trades, so that it costs the same at the hour's end as at its
start, and what comes late is counted with the next one. An hour that can't be read or stored keeps no other waiting.
Raises LakeError's subclasses and PostgresUnusableError; a lake that is not there yet has no bands.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from whale_platform.lake.analysis import size_bands as lake_bands
from whale_platform.lake.delta import table
from whale_platform.lake.delta.schema import table_exists
from whale_platform.lake.delta.table import LakeFile
from whale_platform.lake.errors import DamagedFileError, FileMissingError
from whale_platform.storage.folders import Folder
from whale_platform.stores.asset_tables import size_bands
from whale_platform.stores.asset_tables.materialisation import HOUR, HourRange, Provenance
from whale_platform.stores.errors import RowRejectedError

HOURS_AT_ONCE = 6  # newest first, so that a home that has none yet shows the last ones at once


class BandPass(NamedTuple):
    """What one call did not do. left: minutes for another call; failed: hours that can't be done, with the reason."""

    left: list[datetime]
    failed: dict[datetime, str]


def refresh_bands(
    root: Folder, dsn: str, starts: Collection[datetime] | None, days: int, provenance: Provenance
) -> BandPass:
    """Store the bands from each of `starts` (aware UTC, full minutes) to the end of its hour, where the lake has some.

    None: of all hours of which the lake has another number of rows than what is stored was made of. days: hours that
    lie further before the lake's newest one are left out. HOURS_AT_ONCE of them are done by one call.
    """
    files = _list_hours(root, None, None)
    if not files:
        return BandPass([], {})
    known = HourRange(max(files) - timedelta(days=days), max(files) + HOUR)
    if starts is None:
        stored = size_bands.count_lake_rows(dsn, known)
        starts = [hour for hour, some in files.items() if stored.get(hour) != sum(file.rows for file in some)]
    due = sorted((at for at in starts if known.start <= at and _find_hour(at) in files), reverse=True)
    failed: dict[datetime, str] = {}
    for start in due[:HOURS_AT_ONCE]:
        try:
            _store(root, dsn, start, provenance)
        except (DamagedFileError, FileMissingError, RowRejectedError) as error:
            failed[_find_hour(start)] = str(error)
    return BandPass(due[HOURS_AT_ONCE:], failed)


def store_whole_hours(root: Folder, dsn: str, hours: HourRange, provenance: Provenance) -> None:
    """Store the bands of those of `hours` that the lake has trades of; what is stored of the others stays."""
    for hour in _list_hours(root, hours.start, hours.end):
        _store(root, dsn, hour, provenance)


def _find_hour(time: datetime) -> datetime:
    return time.replace(minute=0, second=0, microsecond=0)


def _list_hours(root: Folder, start: datetime | None, end: datetime | None) -> dict[datetime, list[LakeFile]]:
    found = table.list_files(table.open_table(root), start, end) if table_exists(root) else []
    return {hour: list(files) for hour, files in groupby(found, key=lambda file: file.start)}


def _store(root: Folder, dsn: str, start: datetime, provenance: Provenance) -> None:
    """Store from `start` to its hour's end. What the lake has is asked for under the lock, so that it is the newest."""
    hour = _find_hour(start)
    with size_bands.open_transaction(dsn) as cursor:
        if files := _list_hours(root, hour, hour + HOUR).get(hour):
            paths, end = [file.path for file in files], hour + HOUR
            rows = lake_bands.read_bands(root, paths, start, end)
            size_bands.replace_bands(
                cursor, start, end, rows, lake_bands.count_rows(root, paths, start, end), provenance
            )
