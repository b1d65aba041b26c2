"""Retention of the lake: days by age, and files that no version of the last day needs.

Both first say what would go (`plan_retention`) and then do exactly that. Files go in two steps: a commit takes them out
of the table, and a day later vacuum deletes them, so whoever still reads an older version can finish. What is young
(`domain/deletion_limits.py`) goes only with `sure`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from deltalake import DeltaTable

from whale_platform.domain import deletion_limits
from whale_platform.lake.delta import commits, table
from whale_platform.lake.delta.table import LakeFile, NewFile
from whale_platform.storage.folders import Folder


@dataclass(frozen=True, slots=True)
class LakeDay:
    """One day (UTC) of the lake."""

    day: date
    files: int
    rows: int
    size: int


@dataclass(frozen=True, slots=True)
class OrphanFiles:
    """Files on disk that the table has no use for."""

    paths: tuple[str, ...]
    size: int


def list_days(root: Folder, before: date | None = None) -> list[LakeDay]:
    """The days of the lake, oldest first; only those before `before`, where it is given."""
    found: dict[date, list[LakeFile]] = {}
    for file in table.list_files(table.open_table(root)):
        if before is None or file.start.date() < before:
            found.setdefault(file.start.date(), []).append(file)
    return [
        LakeDay(day, len(files), sum(file.rows for file in files), sum(file.size for file in files))
        for day, files in sorted(found.items())
    ]


def plan_retention(root: Folder, keep_days: int, today: date) -> list[LakeDay]:
    """Every day before the last `keep_days` days. Raises ValueError for keep_days < 1."""
    if keep_days < 1:
        raise ValueError(f"days is {keep_days}: keep at least 1")
    return list_days(root, today - timedelta(days=keep_days))


def drop_days(root: Folder, planned: list[LakeDay], commit_info: Mapping[str, Any], confirmed: bool = False) -> int:
    """Remove the planned days from the table, in one commit; returns how many files were removed.

    Raises UnconfirmedDeletionError.
    """
    gone = {day.day for day in planned}
    if not confirmed:
        deletion_limits.check_old(gone)
    count = 0

    def change(opened: DeltaTable) -> tuple[list[NewFile], list[LakeFile]]:
        nonlocal count
        removed = [file for file in table.list_files(opened) if file.start.date() in gone]
        count = len(removed)
        return [], removed

    commits.replace_files(root, change, commit_info)
    return count


def vacuum(
    root: Folder, hours: int = deletion_limits.LEAST_HOURS, dry_run: bool = True, confirmed: bool = False
) -> OrphanFiles:
    """Delete files that no version of the last `hours` needs; or only say which.

    From one hour on also files that no commit ever named; a younger one may belong to a commit under way. With 0,
    readers of older versions lose their files, and are told so. Raises ValueError for negative hours,
    UnconfirmedDeletionError.
    """
    if hours < 0:
        raise ValueError(f"hours is {hours}: it can't be negative")
    if not dry_run and not confirmed:
        deletion_limits.check_hours(hours)
    opened = table.open_table(root)
    with table.translate_delta_errors():
        named = opened.vacuum(hours, dry_run=True, enforce_retention_duration=False, full=hours >= 1)
    sizes = {path: size for path in named if (size := _size(root / path)) is not None}
    if not dry_run and sizes:
        with table.translate_delta_errors():
            opened.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=hours >= 1)
    return OrphanFiles(tuple(sizes), sum(sizes.values()))


def _size(path: Folder) -> int | None:
    """None where the file is gone: those deleted before are named again, and another vacuum may be at it now."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


@dataclass(frozen=True, slots=True)
class LakeVersion:
    """One commit: when, what for, and by which run and code."""

    version: int
    time: datetime
    why: str
    run: str
    code: str


def list_versions(root: Folder, limit: int) -> list[LakeVersion]:
    """The newest versions, newest first."""
    found = []
    for one in table.open_table(root).history(limit):
        about = one.get("whale") or {}
        why = about.get("why") or (f"batch {about['batch']}" if "batch" in about else one["operation"].lower())
        time = datetime.fromtimestamp(one["timestamp"] / 1000, UTC)
        found.append(LakeVersion(one["version"], time, why, about.get("run", ""), about.get("code", "")))
    return found
