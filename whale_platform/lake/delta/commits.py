"""Changes of the table, each one commit. With table.py the only module that uses `deltalake`.

Exactly once in effect: a commit that appends trades from Kafka carries, for each partition of the topic, the next
offset as an application transaction, so the table itself knows how far it has come; whoever writes skips what is below.
A commit that rewrites files carries the transaction `replace_files`: of two that started from the same version, one is
refused (`ConcurrentCommitError` after some tries), because delta-rs alone would let both pass and the rows would be
there twice. Nor does a process rewrite files of a table with columns that its own release does not know: it would drop
them. Raises LakeError's subclasses.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.transaction import AddAction, RemoveAction

from whale_platform.lake.delta import commit_log, durability, newest
from whale_platform.lake.delta.schema import COLUMNS, PARTITION_COLUMNS
from whale_platform.lake.delta.table import (
    LakeFile,
    NewFile,
    kafka_app_id,
    open_table,
    translate_delta_errors,
)
from whale_platform.lake.errors import ConcurrentCommitError, NewerTableError
from whale_platform.storage.folders import Folder

MAX_TRIES = 8
REWRITE_APP_ID = "rewrite"
FileChange = Callable[[DeltaTable], tuple[Sequence[NewFile], Sequence[LakeFile]]]


def append_files(
    root: Folder,
    added: Sequence[NewFile],
    topic_id: str,
    next_offsets: Mapping[int, int],
    commit_info: Mapping[str, Any],
) -> int:
    """Add files of trades read from Kafka up to `next_offsets`: {partition: offset}; returns the version."""
    transactions = [Transaction(kafka_app_id(topic_id, part), offset) for part, offset in sorted(next_offsets.items())]
    return _commit(root, lambda _: (added, ()), lambda _: transactions, commit_info)


def replace_files(
    root: Folder, change: FileChange, commit_info: Mapping[str, Any], marker: tuple[str, int] | None = None
) -> int:
    """Replace files in one commit: `change(table)` -> (added, removed), asked again where another rewrite won.

    Returns the version. `marker`: (name, number) to record with it. Nothing is committed where nothing changes. Raises
    NewerTableError where the table has columns that this release does not know.
    """
    marks = [Transaction(*marker)] if marker else []

    def change_known(table: DeltaTable) -> tuple[Sequence[NewFile], Sequence[LakeFile]]:
        _require_known_columns(table)
        return change(table)

    return _commit(
        root, change_known, lambda table: [Transaction(REWRITE_APP_ID, table.version()), *marks], commit_info
    )


def _commit(
    root: Folder,
    change: FileChange,
    build_transactions: Callable[[DeltaTable], list[Transaction]],
    commit_info: Mapping[str, Any],
) -> int:
    for _ in range(MAX_TRIES):
        table = open_table(root)
        before = table.version()
        added, removed = change(table)
        transactions = build_transactions(table)
        if not added and not removed and not [one for one in transactions if one.app_id != REWRITE_APP_ID]:
            return table.version()
        now = int(time.time() * 1000)
        actions: list[AddAction | RemoveAction] = [
            *(AddAction(file.path, file.size, file.values, now, True, _stats(file)) for file in added),
            *(RemoveAction(file.path, True, now, file.size, file.values) for file in removed),
        ]
        try:
            with translate_delta_errors():
                durability.sync_files(root / file.path for file in added)
                table.create_write_transaction(
                    actions,
                    "append",
                    table.schema(),
                    [column.name for column in PARTITION_COLUMNS],
                    commit_properties=CommitProperties(
                        custom_metadata={"whale": dict(commit_info)}, app_transactions=transactions
                    ),
                )
        except ConcurrentCommitError:
            continue
        version = newest.advance_index(root)
        with translate_delta_errors():
            durability.sync_files(commit_log.commit_path(root, number) for number in range(before + 1, version + 1))
        return version
    raise ConcurrentCommitError(
        f"the lake in {root.parent} was changed by others {MAX_TRIES} times meanwhile: try again"
    )


def _require_known_columns(table: DeltaTable) -> None:
    known = {column.name for column in (*COLUMNS, *PARTITION_COLUMNS)}
    if unknown := [field.name for field in table.schema().fields if field.name not in known]:
        raise NewerTableError(
            f"a newer release has added {', '.join(unknown)} to the lake, which rewriting it here would drop: stop "
            "this process and start it by the newer release"
        )


def _stats(file: NewFile) -> str:
    return json.dumps({"numRecords": file.rows, **file.stats, "nullCount": {}})
