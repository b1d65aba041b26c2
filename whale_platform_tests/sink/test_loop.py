import threading
from pathlib import Path

import pytest
import structlog

from whale_platform.broker.errors import BrokerError, BrokerUnavailableError, OffsetExpiredError
from whale_platform.broker.topics import TopicInfo
from whale_platform.domain.names import TRADE_WINDOWS
from whale_platform.settings import Settings
from whale_platform.sink import loop, topic_watch
from whale_platform.sink.loop import SinkLoop
from whale_platform.sink.resume_offsets import TopicIdentity
from whale_platform.stores.errors import (
    InvalidDsnError,
    OffsetConflictError,
    SchemaMismatchError,
    StoreUnavailableError,
)
from whale_platform.stores.stream_tables.rows import SinkBatch
from whale_platform.stores.stream_tables.sink_store import StoredOffset
from whale_platform.supervision.runtime import exit_codes
from whale_platform.supervision.runtime.heartbeat import Heartbeat
from whale_platform.supervision.runtime.runner import ServiceContext
from whale_platform_tests.sink.fakes import IDENTITY, Log, MemoryStore
from whale_platform_tests.sink.messages import growing, record

PART = (TRADE_WINDOWS, 0)
RECORDS = [record(TRADE_WINDOWS, n, growing("AB"[n % 2], n // 2 + 1)) for n in range(10)]
WHOLE = {"A": 5, "B": 5}


class KafkaSays:
    """What BrokerError carries."""

    def str(self) -> str:
        return "broker down"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(loop, "CAP_WAIT_S", 0.002)
    monkeypatch.setattr(loop, "LAG_EVERY_S", 0.0)


@pytest.fixture
def context(tmp_path: Path) -> ServiceContext:
    return ServiceContext(Settings(home=tmp_path), Heartbeat("sink"), structlog.get_logger())


def run(context: ServiceContext, log: Log, store: MemoryStore) -> int:
    """Until the log is drained."""
    log.when_empty = context.stop.set
    return SinkLoop(context, store.open, log.reader, lambda: IDENTITY).run()


def test_everything_is_stored_and_a_stop_is_clean(context: ServiceContext) -> None:
    store = MemoryStore()
    assert run(context, Log(RECORDS), store) == exit_codes.CLEAN
    assert store.counts == WHOLE
    assert store.stored == {PART: StoredOffset(10, "topic-1", "cluster")}
    assert context.before_heartbeat is not None
    context.before_heartbeat()
    numbers = context.heartbeat.numbers
    assert (numbers["messages"], numbers["batches"], numbers["lag"], numbers["rejects"]) == (10, 5, 0, 0)


def test_a_postgres_that_is_away_is_waited_for_without_polling(context: ServiceContext) -> None:
    store, log = MemoryStore(), Log(RECORDS)
    store.refuse_open = [StoreUnavailableError("refused")] * 5
    seen: list[tuple[str, str, int]] = []

    def opening() -> MemoryStore:
        seen.append((context.heartbeat.state, context.heartbeat.detail, log.polled))
        return store.open()

    log.when_empty = context.stop.set
    assert SinkLoop(context, opening, log.reader, lambda: IDENTITY).run() == exit_codes.CLEAN
    assert seen[1:] == [("degraded", "waiting for Postgres: refused", 0)] * 5
    assert store.counts == WHOLE


def test_a_write_that_failed_is_written_again(context: ServiceContext) -> None:
    store = MemoryStore()
    store.before_write = [StoreUnavailableError("gone"), StoreUnavailableError("gone")]
    run(context, Log(RECORDS), store)
    assert (store.counts, store.opened, store.stored[PART].next_offset) == (WHOLE, 3, 10)


def test_nothing_stays_open_whatever_fails(context: ServiceContext) -> None:
    store, log = MemoryStore(), Log(RECORDS)
    store.before_write, log.troubles = (
        [StoreUnavailableError("gone"), StoreUnavailableError("gone")],
        [OffsetExpiredError("gone")],
    )
    assert run(context, log, store) == exit_codes.CLEAN
    assert (store.opened, store.closed, log.open_readers) == (4, 4, 0)
    watches = [thread for thread in threading.enumerate() if thread.name == "topic-watch"]
    for thread in watches:
        thread.join(300)
    assert not any(thread.is_alive() for thread in watches)


def test_troubles_in_a_row_are_waited_for_ever_longer(context: ServiceContext, monkeypatch: pytest.MonkeyPatch) -> None:
    store, waits = MemoryStore(), list[float]()
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    monkeypatch.setattr(context.stop, "wait", waits.append)
    monkeypatch.setattr(loop, "CAP_WAIT_S", 0.003)
    store.refuse_open = [StoreUnavailableError("refused")] * 4
    store.after_write = [StoreUnavailableError("gone")]
    assert run(context, Log(RECORDS), store) == exit_codes.CLEAN
    assert waits == [0.001, 0.002, 0.003, 0.003, 0.003], "a write that failed forgives nothing"
    context.stop.clear()
    waits.clear()
    log = Log(RECORDS)
    log.troubles_after = [BrokerError(KafkaSays())]
    store = MemoryStore()
    store.refuse_open = [StoreUnavailableError("refused")] * 2
    assert run(context, log, store) == exit_codes.CLEAN
    assert waits == [0.001, 0.002, 0.001], "one that was stored does"


def test_a_commit_whose_answer_was_lost_is_not_written_twice(context: ServiceContext) -> None:
    store = MemoryStore()
    store.after_write = [StoreUnavailableError("gone")]
    assert run(context, Log(RECORDS), store) == exit_codes.CLEAN
    assert (store.counts, store.stored[PART].next_offset) == (WHOLE, 10)


def test_kafka_troubles_are_waited_out(context: ServiceContext) -> None:
    store, log = MemoryStore(), Log(RECORDS)
    log.troubles = [BrokerError(KafkaSays()), OffsetExpiredError("gone"), BrokerUnavailableError("no answer")]
    said: list[str] = []

    def opening() -> MemoryStore:
        said.append(context.heartbeat.detail)
        return store.open()

    log.when_empty = context.stop.set
    assert SinkLoop(context, opening, log.reader, lambda: IDENTITY).run() == exit_codes.CLEAN
    assert said[1:] == ["waiting for Kafka: broker down", "offsets have expired: gone", "waiting for Kafka: no answer"]
    assert store.counts == WHOLE


def test_expired_offsets_are_recorded_and_skipped(context: ServiceContext) -> None:
    store, log = MemoryStore(), Log(RECORDS, low=4)
    store.stored = {PART: StoredOffset(1, "topic-1", "cluster")}
    run(context, log, store)
    assert [loss[:7] for loss in store.losses] == [("sink", TRADE_WINDOWS, 0, "topic-1", 1, 3, "expired")]
    assert (store.counts, store.stored[PART].next_offset) == (WHOLE, 10)


def test_another_sink_ends_this_one(context: ServiceContext) -> None:
    store = MemoryStore()
    store.before_write = [OffsetConflictError("another sink moved the offsets")]
    assert run(context, Log(RECORDS), store) == exit_codes.RETRY
    assert context.heartbeat.detail == "another sink moved the offsets; starting again"


def test_a_schema_that_does_not_fit_is_waited_for_and_a_bad_setting_never(
    context: ServiceContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(
        context.stop, "wait", lambda _: told.append(f"{context.heartbeat.state} {context.heartbeat.detail}")
    )
    store = MemoryStore()
    store.refuse_open = [SchemaMismatchError("no table"), SchemaMismatchError("no table")]
    run(context, Log(RECORDS), store)
    assert (store.counts, len(told)) == (WHOLE, 2), "the same process goes on once it fits"
    assert "degraded the database's schema does not fit this code (no table): `whale restart --all`" in told[0]
    store.refuse_open = [InvalidDsnError("unreadable")]
    context.stop.clear()
    assert run(context, Log(RECORDS), store) == exit_codes.BLOCKED
    assert context.heartbeat.state == "blocked"


def test_a_recreated_topic_is_noticed_while_running(context: ServiceContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_watch, "INTERVAL_S", 0.001)
    store, log = MemoryStore(), Log(RECORDS)
    recreated = TopicIdentity("cluster", {TRADE_WINDOWS: TopicInfo(TRADE_WINDOWS, "topic-2", 1)})
    looked = threading.Event()

    def identify() -> TopicIdentity:
        return recreated if store.stored and looked.is_set() else IDENTITY

    def drained() -> None:
        if store.stored[PART].topic_id == "topic-2":
            context.stop.set()
        elif not looked.is_set():
            log.records = log.records[:4]
            looked.set()

    log.when_empty = drained
    assert SinkLoop(context, store.open, log.reader, identify).run() == exit_codes.CLEAN
    assert store.stored == {PART: StoredOffset(4, "topic-2", "cluster")}


def test_the_beat_tells_how_much_is_still_to_be_read(context: ServiceContext) -> None:
    lags: list[object] = []

    class Asked(MemoryStore):
        def write(self, batch: SinkBatch) -> dict[str, int]:
            assert context.before_heartbeat is not None
            context.before_heartbeat()
            lags.append(context.heartbeat.numbers["lag"])
            return super().write(batch)

    run(context, Log(RECORDS), Asked())
    assert lags[1:] == [8, 6, 4, 2]


def test_a_silent_broker_is_said_and_so_is_its_return(context: ServiceContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_watch, "INTERVAL_S", 0.001)
    store, log, said = MemoryStore(), Log(RECORDS), list[tuple[str, str]]()

    def identify() -> TopicIdentity:
        if said == [("ready", "")]:
            raise BrokerUnavailableError("no answer")
        return IDENTITY

    def drained() -> None:
        if said[-1:] != [(context.heartbeat.state, context.heartbeat.detail)]:
            said.append((context.heartbeat.state, context.heartbeat.detail))
        if len(said) == 3:
            context.stop.set()

    log.when_empty = drained
    assert SinkLoop(context, store.open, log.reader, identify).run() == exit_codes.CLEAN
    assert said == [("ready", ""), ("degraded", "waiting for Kafka: no answer"), ("ready", "")]
    assert store.opened == 1, "the reader waits it out itself"


def test_a_transaction_without_an_answer_shows_in_the_beat(
    context: ServiceContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "STUCK_S", -1.0)
    store, log = MemoryStore(), Log(RECORDS)
    said: list[tuple[str, object]] = []

    class Slow(MemoryStore):
        def write(self, batch: SinkBatch) -> dict[str, int]:
            assert context.before_heartbeat is not None
            context.before_heartbeat()
            said.append((context.heartbeat.state, context.heartbeat.numbers["postgres"]))
            return {}

    log.when_empty = context.stop.set
    slow = Slow()
    SinkLoop(context, lambda: slow, log.reader, lambda: IDENTITY).run()
    assert set(said) == {("degraded", "unavailable")}
    assert store.opened == 0
