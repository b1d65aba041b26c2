"""The Delta table in a folder: opened, made, committed to. The one place that speaks to `deltalake`.

Exactly once in effect: a commit that appends trades from Kafka carries, for each partition of the topic, the next
offset as an application transaction, so the table itself knows how far it has come; whoever writes skips what is
below. A commit that rewrites files carries the transaction `rewrite`: of two that started from the same version, one
is refused (`Busy` after some tries), because delta-rs alone would let both pass and the rows would be there twice.
Raises LakeError's subclasses.
"""

import errno
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deltalake import CommitProperties, DeltaTable, Field, Schema, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.schema import PrimitiveType
from deltalake.transaction import AddAction, RemoveAction

from whale_platform.lake import newest
from whale_platform.lake.errors import Busy, Full, LakeError, NotThere
from whale_platform.lake.schema import COLUMNS, PARTITION, PROPERTIES

TRIES = 8
REWRITE = "rewrite"
HOUR = timedelta(hours=1)


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


Change = Callable[[DeltaTable], tuple[Sequence[NewFile], Sequence[LakeFile]]]


def folder_of(start: datetime) -> str:
    """`date=2026-11-21/hour=13`: where the files of an hour lie."""
    return f"date={start:%Y-%m-%d}/hour={start.hour}"


def exists(root: Path) -> bool:
    """Whether a table is there."""
    return (root / "_delta_log").is_dir()


def create(root: Path) -> None:
    """Make the table where there is none."""
    if exists(root):
        return
    fields = [
        Field(column.name, PrimitiveType(column.delta), nullable=True, metadata={"comment": column.comment})
        for column in (*COLUMNS, *PARTITION)
    ]
    with translated():
        DeltaTable.create(
            root,
            Schema(fields),
            mode="ignore",
            partition_by=[column.name for column in PARTITION],
            name="trades",
            description="Every trade, once; by hour of event time (UTC).",
            configuration=PROPERTIES,
        )


def opened(root: Path, version: int | None = None) -> DeltaTable:
    """The table as it is, or as of `version`. Raises NotThere."""
    if not exists(root):
        raise NotThere(f"there is no lake in {root.parent} yet: it begins with the first trade")
    try:
        with translated():
            return DeltaTable(root, version=version)
    except LakeError:
        if version is None:
            raise
        raise NotThere(
            f"version {version} of the lake is not there: the newest is {DeltaTable(root).version()}, and those of "
            "the last two days are kept"
        ) from None


def files(table: DeltaTable, start: datetime | None = None, end: datetime | None = None) -> list[LakeFile]:
    """The files of hours in [start, end), aware UTC, by hour and path."""
    adds = table.get_add_actions(flatten=True)
    names = ("path", "partition.date", "partition.hour", "num_records", "size_bytes")
    found = []
    for path, day, hour, rows, size in zip(*(adds[name].to_pylist() for name in names), strict=True):
        at = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
        if (start is None or at > start - HOUR) and (end is None or at < end):
            found.append(LakeFile(path, at, rows, size))
    return sorted(found, key=lambda file: (file.start, file.path))


def position(table: DeltaTable, topic_id: str, partition: int) -> int:
    """The first offset of this topic's partition that the lake does not have; 0 where it has none."""
    return table.transaction_version(_place(topic_id, partition)) or 0


def append(
    root: Path, added: Sequence[NewFile], topic_id: str, next_offsets: Mapping[int, int], about: Mapping[str, Any]
) -> int:
    """Add files of trades read from Kafka up to `next_offsets`: {partition: offset}; returns the version."""
    moves = [Transaction(_place(topic_id, part), offset) for part, offset in sorted(next_offsets.items())]
    return _commit(root, lambda _: (added, ()), lambda _: moves, about)


def rewrite(root: Path, change: Change, about: Mapping[str, Any], mark: tuple[str, int] | None = None) -> int:
    """Replace files in one commit: `change(table)` -> (added, removed), asked again where another rewrite won.

    Returns the version. `mark`: (name, number) to record with it. Nothing is committed where nothing changes.
    """
    marks = [Transaction(*mark)] if mark else []
    return _commit(root, change, lambda table: [Transaction(REWRITE, table.version()), *marks], about)


def marked(table: DeltaTable, name: str) -> int | None:
    """The number last recorded with a rewrite under this name."""
    return table.transaction_version(name)


def _commit(
    root: Path, change: Change, moves: Callable[[DeltaTable], list[Transaction]], about: Mapping[str, Any]
) -> int:
    for _ in range(TRIES):
        table = opened(root)
        added, removed = change(table)
        transactions = moves(table)
        if not added and not removed and not [one for one in transactions if one.app_id != REWRITE]:
            return table.version()
        now = int(time.time() * 1000)
        actions: list[AddAction | RemoveAction] = [
            *(AddAction(file.path, file.size, file.values, now, True, _stats(file)) for file in added),
            *(RemoveAction(file.path, True, now, file.size, file.values) for file in removed),
        ]
        try:
            with translated():
                table.create_write_transaction(
                    actions,
                    "append",
                    table.schema(),
                    [column.name for column in PARTITION],
                    commit_properties=CommitProperties(
                        custom_metadata={"whale": dict(about)}, app_transactions=transactions
                    ),
                )
        except Busy:
            continue
        return newest.advance(root)
    raise Busy(f"the lake in {root.parent} was changed by others {TRIES} times meanwhile: try again")


@contextmanager
def translated() -> Iterator[None]:
    """Turn what delta-rs raises into this room's errors."""
    try:
        yield
    except CommitFailedError as error:
        raise Busy(str(error)) from error
    except (DeltaError, OSError) as error:
        if "os error 28" in str(error) or getattr(error, "errno", None) == errno.ENOSPC:
            raise Full(f"no space is left for the lake: free some, nothing was changed ({error})") from None
        raise LakeError(f"the lake's log can't be used: {error}") from error


def _place(topic_id: str, partition: int) -> str:
    return f"{topic_id}/{partition}"


def _stats(file: NewFile) -> str:
    return json.dumps({"numRecords": file.rows, **file.stats, "nullCount": {}})
