"""The Delta table in a folder: created, opened, its files, and how far it has come. Raises LakeError's subclasses."""

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from deltalake import DeltaTable, Field, Schema
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.schema import PrimitiveType

from whale_platform.lake.delta import durability
from whale_platform.lake.delta.schema import (
    COLUMNS,
    PARTITION_COLUMNS,
    TABLE_PROPERTIES,
    LakeColumn,
    has_commit,
    table_exists,
)
from whale_platform.lake.errors import ConcurrentCommitError, DiskFullError, LakeError, LakeNotFoundError
from whale_platform.storage import folders
from whale_platform.storage.folders import Folder

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class LakeFile:
    """One Parquet file of the table. `path` is relative to the table; `start` the hour (aware UTC) it belongs to."""

    path: str
    start: datetime
    rows: int
    size: int

    @property
    def values(self) -> dict[str, str | None]:
        """Partition values as Delta's log has them."""
        return {"date": self.start.date().isoformat(), "hour": str(self.start.hour)}


@dataclass(frozen=True, slots=True)
class NewFile(LakeFile):
    """A file to be added. `stats`: {"minValues": …, "maxValues": …} for pruning."""

    stats: Mapping[str, Mapping[str, object]]


def hour_folder(start: datetime) -> str:
    """`date=2026-11-21/hour=13`: where the files of an hour lie."""
    return f"date={start:%Y-%m-%d}/hour={start.hour}"


def create_table(root: Folder) -> None:
    """Make the table where there is none, or where making it was cut short: a log without a commit is not one.

    A torn newest commit of one that is there is set aside. Raises LakeError where data lie there without a log.
    """
    if table_exists(root):
        durability.set_aside_torn_commits(root)
    if has_commit(root):
        _add_new_columns(root)
        return
    if table_exists(root):
        raise LakeError(
            f"{root} has data but no log: put `_delta_log` back from a copy, or move the folder elsewhere to start an "
            "empty lake"
        )
    fields = [_build_field(column) for column in (*COLUMNS, *PARTITION_COLUMNS)]
    with translate_delta_errors():
        DeltaTable.create(
            str(root),
            Schema(fields),
            mode="ignore",
            partition_by=[column.name for column in PARTITION_COLUMNS],
            name="trades",
            description="Every trade, once; by hour of event time (UTC).",
            configuration=TABLE_PROPERTIES,
            storage_options=folders.object_options(root),
        )


def _add_new_columns(root: Folder) -> None:
    """Tell a table of before about the columns that were added since; its files stay as they are."""
    opened = open_table(root)
    with translate_delta_errors():
        known = {field.name for field in opened.schema().fields}
        if missing := [_build_field(column) for column in COLUMNS if column.name not in known]:
            opened.alter.add_columns(missing)


def _build_field(column: LakeColumn) -> Field:
    return Field(column.name, PrimitiveType(column.delta), nullable=True, metadata={"comment": column.comment})


def open_table(root: Folder, version: int | None = None) -> DeltaTable:
    """The table as it is, or as of `version`. Raises LakeNotFoundError."""
    if not table_exists(root):
        raise LakeNotFoundError(f"there is no lake in {root.parent} yet: it begins with the first trade")
    try:
        with translate_delta_errors():
            table = DeltaTable(str(root), version=version, storage_options=folders.object_options(root))
        if version is None:
            durability.refuse_torn_commit(root, table.version())
        return table
    except LakeError:
        if version is None:
            durability.refuse_torn_commit(root)
            raise
        raise LakeNotFoundError(
            f"version {version} of the lake is not there: the newest is {open_table(root).version()}, and those of the "
            "last two days are kept"
        ) from None


def list_files(table: DeltaTable, start: datetime | None = None, end: datetime | None = None) -> list[LakeFile]:
    """The files of hours in [start, end), aware UTC, by hour and path."""
    adds = table.get_add_actions(flatten=True)
    names = ("path", "partition.date", "partition.hour", "num_records", "size_bytes")
    found = []
    for path, day, hour, rows, size in zip(*(adds[name].to_pylist() for name in names), strict=True):
        at = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
        if (start is None or at > start - HOUR) and (end is None or at < end):
            found.append(LakeFile(path, at, rows, size))
    return sorted(found, key=lambda file: (file.start, file.path))


def list_minute_changes(table: DeltaTable, hour: datetime) -> dict[datetime, datetime]:
    """{minute: when the newest file that may have trades of it was added} of the hour from `hour` on, aware UTC."""
    adds = table.get_add_actions(flatten=True)
    names = ("partition.date", "partition.hour", "modification_time", "min.event_time", "max.event_time")
    found: dict[datetime, datetime] = {}
    for day, number, added_ms, first, last in zip(*(adds[name].to_pylist() for name in names), strict=True):
        if datetime(day.year, day.month, day.day, number, tzinfo=UTC) == hour.astimezone(UTC):
            added = datetime.fromtimestamp(added_ms / 1000, UTC)
            known = first is not None and last is not None
            minutes = range(first.minute, last.minute + 1) if known else range(60)
            for minute in (hour + number * MINUTE for number in minutes):
                found[minute] = max(added, found.get(minute, added))
    return found


def read_position(table: DeltaTable, topic_id: str, partition: int) -> int:
    """The first offset of this topic's partition that the lake does not have; 0 where it has none."""
    return table.transaction_version(kafka_app_id(topic_id, partition)) or 0


def read_marker(table: DeltaTable, name: str) -> int | None:
    """The number last recorded with a rewrite under this name."""
    return table.transaction_version(name)


@contextmanager
def translate_delta_errors() -> Iterator[None]:
    """Turn what delta-rs raises into this room's errors."""
    try:
        yield
    except CommitFailedError as error:
        raise ConcurrentCommitError(str(error)) from error
    except (DeltaError, OSError) as error:
        if "os error 28" in str(error) or getattr(error, "errno", None) == errno.ENOSPC:
            raise DiskFullError(f"no space is left for the lake: free some, nothing was changed ({error})") from None
        raise LakeError(f"the lake's log can't be used: {error}") from error


def kafka_app_id(topic_id: str, partition: int) -> str:
    """The name under which the position in a partition is kept."""
    return f"{topic_id}/{partition}"
