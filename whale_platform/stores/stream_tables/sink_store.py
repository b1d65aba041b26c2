"""The sink's side of Postgres: rows, offsets and one NOTIFY in one transaction.

Rows are written in the order of their keys, as `recomputed_hours.py` writes them, so that the two never wait for each
other. The offsets are moved first, and only from where this sink believes them to be: another sink's move makes the
update miss, `OffsetConflictError` is raised and nothing is written. A row that a constraint refuses must not stop the
stream: the batch is rolled back and written again row by row under savepoints, and the refused rows are counted as
rejects.

Commits do not wait for the disk (`synchronous_commit=off`): a crash of Postgres may forget the last fraction of a
second, but always rows and offsets together, so the sink reads and writes them again from Kafka. Nothing is torn:
transactions are still atomic and kept in order.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from whale_platform.contracts.stream_loss import LossRow
from whale_platform.domain.names import DEAD_LETTERS, INGEST_GAPS, STREAM_LOSSES, TRADE_WINDOWS, WHALE_ALERTS
from whale_platform.stores.errors import OffsetConflictError, RowRejectedError
from whale_platform.stores.postgres.connection import connect, translate_errors
from whale_platform.stores.stream_tables import upserts
from whale_platform.stores.stream_tables.change_notice import CHANNEL, build_batch_notice
from whale_platform.stores.stream_tables.partitions import ensure_days
from whale_platform.stores.stream_tables.rows import MessageRef, RejectedMessage, SinkBatch

STATEMENT_TIMEOUT_S = 20.0

_ADVANCE = """
UPDATE sink_offsets AS o SET next_offset = v.next_offset, updated_at = now()
FROM (VALUES %s) AS v (topic, partition, expected, next_offset)
WHERE o.topic = v.topic AND o.partition = v.partition AND o.next_offset = v.expected
"""


@dataclass(frozen=True, slots=True)
class StoredOffset:
    """Where reading of a partition goes on, and the topic that the offset belongs to."""

    next_offset: int
    topic_id: str
    cluster_id: str


class SinkStore:
    """One connection. Every method raises StoreUnavailableError (then close this store and open a new one) and
    SchemaMismatchError."""

    def __init__(self, dsn: str) -> None:
        more = {"synchronous_commit": "off"}
        self._conn = connect(dsn, "whale-sink", statement_timeout_s=STATEMENT_TIMEOUT_S, more=more)
        self._days: set[object] = set()

    def close(self) -> None:
        """Hang up; an open transaction is rolled back by the server."""
        self._conn.close()

    def read_offsets(self) -> dict[tuple[str, int], StoredOffset]:
        """The stored places by (topic, partition)."""
        with translate_errors(), self._conn, self._conn.cursor() as cursor:
            cursor.execute("SELECT topic, partition, next_offset, topic_id, cluster_id FROM sink_offsets")
            return {(row[0], row[1]): StoredOffset(*row[2:]) for row in cursor.fetchall()}

    def store_offsets(self, offsets: dict[tuple[str, int], StoredOffset], losses: Sequence[LossRow]) -> None:
        """Store changed places and what was lost, in one transaction."""
        with translate_errors(), self._conn, self._conn.cursor() as cursor:
            for (topic, partition), offset in offsets.items():
                cursor.execute(
                    """
                    INSERT INTO sink_offsets (topic, partition, next_offset, topic_id, cluster_id)
                    VALUES (%s, %s, %s, %s, %s)
                    ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset,
                        topic_id = excluded.topic_id, cluster_id = excluded.cluster_id, updated_at = now()
                    """,
                    (topic, partition, offset.next_offset, offset.topic_id, offset.cluster_id),
                )
            upserts.insert_losses(cursor, losses)

    def write(self, batch: SinkBatch) -> dict[str, int]:
        """Store one batch; returns the rows inserted or changed by topic. Refused rows are added to `batch.rejects`.

        Raises OffsetConflictError; then, as after StoreUnavailableError, nothing of the batch is stored.
        """
        try:
            return self._write(batch, _upsert_at_once)
        except RowRejectedError:
            self._days.clear()  # a day's partition may have been dropped behind our back
            return self._write(batch, _upsert_one_by_one)

    def _write(self, batch: SinkBatch, upsert: "Put") -> dict[str, int]:
        with translate_errors():
            self._make_days(batch)
            with self._conn, self._conn.cursor() as cursor:
                _advance_offsets(cursor, batch)
                changed = {
                    TRADE_WINDOWS: upsert(cursor, batch, upserts.upsert_windows, batch.windows.values()),
                    WHALE_ALERTS: upsert(cursor, batch, upserts.insert_whales, batch.whales.values()),
                    INGEST_GAPS: upsert(cursor, batch, upserts.upsert_gaps, batch.gaps.values()),
                    STREAM_LOSSES: upsert(cursor, batch, upserts.insert_losses, batch.losses.values()),
                    DEAD_LETTERS: upserts.count_dead_letters(cursor, list(batch.dead_letters.values())),
                }
                upserts.count_rejects(cursor, batch.rejects)
                if any(changed.values()):
                    cursor.execute("SELECT pg_notify(%s, %s)", (CHANNEL, build_batch_notice(batch, changed)))
        return changed

    def _make_days(self, batch: SinkBatch) -> None:
        days = {key[2].date() for key in batch.windows}
        if days <= self._days:
            return
        with self._conn, self._conn.cursor() as cursor:
            ensure_days(cursor, [day for day in days if day not in self._days])
        self._days |= days


Upsert = Callable[[Cursor, Any], int]
Put = Callable[[Cursor, SinkBatch, Upsert, Any], int]


def _advance_offsets(cursor: Cursor, batch: SinkBatch) -> None:
    moves = [(topic, partition, *move) for (topic, partition), move in batch.offset_moves.items()]
    execute_values(cursor, _ADVANCE, moves, page_size=len(moves) + 1)
    if cursor.rowcount != len(moves):
        raise OffsetConflictError("another sink moved the offsets of this database")


def _upsert_at_once(cursor: Cursor, batch: SinkBatch, upsert: Upsert, entries: Sequence[tuple[Any, MessageRef]]) -> int:
    return upsert(cursor, [row for row, _ in _sort_by_key(entries)]) if entries else 0


def _upsert_one_by_one(
    cursor: Cursor, batch: SinkBatch, upsert: Upsert, entries: Sequence[tuple[Any, MessageRef]]
) -> int:
    changed = 0
    for row, origin in _sort_by_key(entries):
        cursor.execute("SAVEPOINT row")
        try:
            with translate_errors():
                changed += upsert(cursor, [row])
        except RowRejectedError as refused:
            cursor.execute("ROLLBACK TO SAVEPOINT row")
            batch.rejects.append(RejectedMessage(origin, f"refused by Postgres: {refused}"))
        cursor.execute("RELEASE SAVEPOINT row")
    return changed


def _sort_by_key(entries: Iterable[tuple[Any, MessageRef]]) -> list[tuple[Any, MessageRef]]:
    return sorted(entries, key=lambda entry: entry[0].key)
