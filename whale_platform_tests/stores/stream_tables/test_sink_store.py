import json
import select
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest

from whale_platform.contracts.stream_loss import LossRow
from whale_platform.contracts.trade_window import WindowRow
from whale_platform.domain.names import TRADE_WINDOWS, WHALE_ALERTS
from whale_platform.stores.errors import OffsetConflictError, SchemaMismatchError, StoreUnavailableError
from whale_platform.stores.stream_tables.change_notice import CHANNEL
from whale_platform.stores.stream_tables.rows import MessageRef
from whale_platform.stores.stream_tables.sink_store import SinkStore, StoredOffset
from whale_platform_tests.stores.builders import START, WHALE, WINDOW, batch_of
from whale_platform_tests.support.postgres_server import query

PART = (TRADE_WINDOWS, 0)


@pytest.fixture
def store(database: str) -> Iterator[SinkStore]:
    store = SinkStore(database)
    store.store_offsets({PART: StoredOffset(0, "topic-1", "cluster-1")}, [])
    yield store
    store.close()


def test_rows_and_offset_are_one(store: SinkStore, database: str) -> None:
    changed = store.write(batch_of(WINDOW))
    assert changed[TRADE_WINDOWS] == 1
    assert store.read_offsets() == {PART: StoredOffset(1, "topic-1", "cluster-1")}
    assert query(database, "SELECT trade_count FROM trade_windows") == [(2,)]


def test_another_sink_s_move_stops_this_one_before_it_writes(store: SinkStore, database: str) -> None:
    other = SinkStore(database)
    other.write(batch_of(WINDOW))
    with pytest.raises(OffsetConflictError):
        store.write(batch_of(WINDOW._replace(trade_count=9)))
    other.close()
    assert query(database, "SELECT trade_count FROM trade_windows") == [(2,)]
    assert store.read_offsets()[PART].next_offset == 1


def test_a_refused_row_is_counted_and_its_neighbours_are_stored(store: SinkStore, database: str) -> None:
    good = WINDOW._replace(symbol="ETHUSDT")
    batch = batch_of(WINDOW._replace(high="1"), good)
    batch.whales[WHALE.key] = (WHALE, MessageRef(WHALE_ALERTS, 0, 5))
    changed = store.write(batch)
    assert (changed[TRADE_WINDOWS], changed[WHALE_ALERTS]) == (1, 1)
    assert query(database, "SELECT symbol FROM trade_windows") == [("ETHUSDT",)]
    assert query(database, "SELECT topic, partition, reason, messages, first_offset FROM sink_rejects") == [
        (TRADE_WINDOWS, 0, "refused by Postgres: trade_windows_high_is_highest", 1, 0)
    ]
    assert store.read_offsets()[PART].next_offset == 2


def test_a_day_dropped_behind_its_back_is_made_again(store: SinkStore, database: str) -> None:
    store.write(batch_of(WINDOW))
    query(database, "DROP TABLE trade_windows_20240808")
    batch = batch_of(WINDOW, expected=1)
    assert store.write(batch)[TRADE_WINDOWS] == 1
    assert batch.rejects == []


def test_windows_of_many_days(store: SinkStore, database: str) -> None:
    rows = [WINDOW._replace(window_start=START + timedelta(days=n)) for n in range(5)]
    assert store.write(batch_of(*rows))[TRADE_WINDOWS] == 5
    assert query(database, "SELECT count(DISTINCT tableoid) FROM trade_windows") == [(5,)]


def listen(dsn: str) -> "psycopg2.extensions.connection":
    conn = psycopg2.connect(dsn)
    conn.autocommit = True
    with conn.cursor() as cursor:
        cursor.execute(f"LISTEN {CHANNEL}")
    return conn


def test_one_notification_a_batch_and_none_for_a_replay(store: SinkStore, database: str) -> None:
    listener = listen(database)
    many = [WINDOW._replace(symbol=f"{'S' * 190}{n}") for n in range(300)]
    store.write(batch_of(*many))
    store.write(batch_of(*many, expected=300))
    store.write(batch_of(WINDOW, expected=600))
    while len(listener.notifies) < 2:
        assert select.select([listener], [], [], 10)[0]
        listener.poll()
    first, second = (json.loads(notification.payload) for notification in listener.notifies)
    assert first[TRADE_WINDOWS]["rows"] == 300
    assert first[TRADE_WINDOWS]["keys"] == [], "not some of them: which have changed is not known"
    assert second == {TRADE_WINDOWS: {"rows": 1, "keys": [["binance", "BTCUSDT", "2024-08-08T12:00:00+00:00"]]}}
    listener.close()


def test_losses_are_kept_once(store: SinkStore, database: str) -> None:
    loss = LossRow("sink", TRADE_WINDOWS, 0, "topic-1", 5, 9, "expired", "expired", datetime(2026, 11, 28, tzinfo=UTC))
    moved = {PART: StoredOffset(10, "topic-1", "cluster-1")}
    store.store_offsets(moved, [loss])
    store.store_offsets(moved, [loss])
    assert query(database, "SELECT first_offset, last_offset, cause FROM stream_losses") == [(5, 9, "expired")]
    assert store.read_offsets() == moved


def test_a_lost_connection_is_store_away_and_nothing_is_half_written(store: SinkStore, database: str) -> None:
    query(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'whale-sink'")
    with pytest.raises(StoreUnavailableError):
        store.write(batch_of(WINDOW))
    fresh = SinkStore(database)
    assert fresh.read_offsets()[PART].next_offset == 0
    assert fresh.write(batch_of(WINDOW))[TRADE_WINDOWS] == 1
    fresh.close()


def test_a_database_without_tables_is_told_apart(empty_database: str) -> None:
    store = SinkStore(empty_database)
    with pytest.raises(SchemaMismatchError, match="sink_offsets"):
        store.read_offsets()
    store.close()


def test_no_statement_is_built_from_a_value(store: SinkStore, database: str) -> None:
    nasty = "'); DROP TABLE trade_windows; --%s%(x)s"
    row = WindowRow(**(WINDOW._asdict() | {"symbol": nasty, "source": nasty}))
    store.write(batch_of(row))
    assert query(database, "SELECT symbol, source FROM trade_windows") == [(nasty, nasty)]
