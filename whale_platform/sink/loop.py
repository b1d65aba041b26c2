"""The sink's loop: poll, fold, one transaction, again; and what happens while Kafka or Postgres is unavailable.

Nothing is kept in memory between transactions, so every trouble has one answer: drop both connections, wait (capped,
jittered), open them again and go on from the offsets that Postgres holds. While Postgres is unavailable nothing is
polled. A batch is what has come meanwhile: a few messages when it is quiet, thousands under load.
"""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from whale_platform.broker.errors import BrokerError, OffsetExpiredError, describe_broker_error
from whale_platform.broker.reader import KafkaRecord
from whale_platform.contracts.stream_loss import LossRow
from whale_platform.sink.counters import SinkCounters
from whale_platform.sink.fold import fold_records
from whale_platform.sink.resume_offsets import TopicIdentity, plan_resume
from whale_platform.sink.topic_watch import TopicWatch
from whale_platform.stores.errors import (
    InvalidDsnError,
    OffsetConflictError,
    SchemaMismatchError,
    StoreUnavailableError,
)
from whale_platform.stores.stream_tables.rows import SinkBatch
from whale_platform.stores.stream_tables.sink_store import StoredOffset
from whale_platform.supervision.runtime import exit_codes
from whale_platform.supervision.runtime.runner import ServiceContext

MAX_RECORDS = 5_000  # messages a batch: some 10 MB as rows
POLL_S = 0.2  # how long a stop may go unnoticed when nothing comes
FIRST_WAIT_S = 0.1
CAP_WAIT_S = 5.0
STUCK_S = 3.0
LAG_EVERY_S = 1.0
HANG_S = 120.0  # Postgres and Kafka end or refuse what takes long; where they hang, they are seen to first


class RecordReader(Protocol):
    """What the sink needs of `broker.reader.TopicReader`."""

    def bounds(self, topic: str, partition: int) -> tuple[int, int]: ...
    def assign(self, offsets: dict[tuple[str, int], int]) -> None: ...
    def poll(self, limit: int, timeout_s: float) -> list[KafkaRecord]: ...
    def known_end(self, topic: str, partition: int) -> int | None: ...
    def close(self) -> None: ...


class BatchStore(Protocol):
    """What the sink needs of `SinkStore`."""

    def read_offsets(self) -> dict[tuple[str, int], StoredOffset]: ...
    def store_offsets(self, offsets: dict[tuple[str, int], StoredOffset], losses: list[LossRow]) -> None: ...
    def write(self, batch: SinkBatch) -> dict[str, int]: ...
    def close(self) -> None: ...


class SinkLoop:
    """One run of the service. `identify` asks the broker for its topics; the two `open`s connect."""

    def __init__(
        self,
        context: ServiceContext,
        open_store: Callable[[], BatchStore],
        open_reader: Callable[[], RecordReader],
        identify: Callable[[], TopicIdentity],
    ) -> None:
        self._context = context
        self._open_store = open_store
        self._open_reader = open_reader
        self._identify = identify
        self._counters = SinkCounters()
        self._failures = 0
        context.heartbeat.numbers = dict(self._counters.numbers())
        context.before_heartbeat = self._update_heartbeat

    def run(self) -> int:
        """Until `stop`; returns the exit code."""
        context = self._context
        while not context.stop.is_set():
            context.record_progress(next_within_s=HANG_S)
            try:
                self._run_connected()
            except StoreUnavailableError as error:
                self._counters.postgres = "unavailable"
                self._wait_before_retry(f"waiting for Postgres: {error}")
            except BrokerError as error:
                self._wait_before_retry(f"waiting for Kafka: {describe_broker_error(error)}")
            except OffsetExpiredError as error:
                self._wait_before_retry(f"offsets have expired: {error}")
            except SchemaMismatchError as error:
                self._wait_before_retry(
                    f"the database's schema does not fit this code ({error}): `whale restart --all` migrates it"
                )
            except OffsetConflictError as error:
                context.report_state("degraded", f"{error}; starting again")
                return exit_codes.RETRY
            except InvalidDsnError as error:
                return context.report_blocked(str(error))
            finally:
                self._counters.writing_since = None
        context.report_state("stopping")
        return exit_codes.CLEAN

    def _run_connected(self) -> None:
        store = self._open_store()
        try:
            self._counters.postgres = "up"
            reader = self._open_reader()
            try:
                self._consume(store, reader)
            finally:
                reader.close()
        finally:
            store.close()

    def _consume(self, store: BatchStore, reader: RecordReader) -> None:
        known = self._identify()
        todo = plan_resume(store.read_offsets(), known, reader.bounds, datetime.now(UTC))
        for note in todo.notes:
            self._context.log.warning("place", note=note)
        store.store_offsets(todo.changed, todo.losses)
        offsets = todo.offsets
        reader.assign(offsets)
        watch = TopicWatch(self._identify, known)
        self._context.report_state("ready")
        lag_at = 0.0
        try:
            while not self._context.stop.is_set() and not watch.changed:
                self._context.record_progress()
                records = reader.poll(MAX_RECORDS, POLL_S)
                if records:
                    self._write(store, records, offsets)
                if time.monotonic() >= lag_at:
                    lag_at = time.monotonic() + LAG_EVERY_S
                    ends = {part: reader.known_end(*part) for part in offsets}
                    self._counters.lag = sum(max(0, (ends[part] or 0) - offset) for part, offset in offsets.items())
                    self._report(watch.trouble)
        finally:
            watch.stop()
        if watch.changed:
            self._context.log.warning("the topics have changed: looking at them again")

    def _write(self, store: BatchStore, records: list[KafkaRecord], offsets: dict[tuple[str, int], int]) -> None:
        batch = fold_records(records, offsets)
        self._context.record_progress(next_within_s=HANG_S)
        self._counters.writing_since = time.monotonic()
        changed = store.write(batch)
        self._counters.writing_since = None
        self._counters.add_written(len(records), changed, len(batch.rejects))
        self._failures = 0
        for part, (_, offset) in batch.offset_moves.items():
            offsets[part] = offset
        for reject in batch.rejects[:3]:
            self._context.log.error("message rejected", reason=reject.reason, **reject.origin._asdict())
        if len(batch.rejects) > 3:
            self._context.log.error("more messages rejected in this batch", count=len(batch.rejects) - 3)

    def _report(self, problem: str) -> None:
        state = "degraded" if problem else "ready"
        if (self._context.heartbeat.state, self._context.heartbeat.detail) != (state, problem):
            self._context.report_state("degraded" if problem else "ready", problem)

    def _wait_before_retry(self, reason: str) -> None:
        self._context.report_state("degraded", reason)
        most = min(CAP_WAIT_S, FIRST_WAIT_S * 2.0 ** min(self._failures, 10))
        self._failures += 1
        self._context.stop.wait(most * random.uniform(0.5, 1.0))

    def _update_heartbeat(self) -> None:
        beat, counters = self._context.heartbeat, self._counters
        stuck = counters.stuck_s()
        if stuck > STUCK_S:
            counters.postgres = "unavailable"
            beat.state, beat.detail = "degraded", f"Postgres has not answered for {stuck:.0f} s"
        elif counters.writing_since is None and beat.state == "ready":
            counters.postgres = "up"
        beat.numbers = dict(counters.numbers())
