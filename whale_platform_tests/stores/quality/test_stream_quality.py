"""What was refused, given up or lost, and how far a table has come."""

from datetime import timedelta

from whale_platform.contracts.ingest_gap import GapRow
from whale_platform.contracts.stream_loss import LossRow
from whale_platform.contracts.trade_window import WindowRow
from whale_platform.stores.asset_tables.materialisation import HOUR
from whale_platform.stores.postgres.connection import open_transaction
from whale_platform.stores.quality import stream_quality
from whale_platform.stores.quality.stream_quality import TableProgress
from whale_platform.stores.stream_tables import upserts
from whale_platform.stores.stream_tables.rows import MessageRef, RejectedMessage
from whale_platform_tests.stores.asset_tables.test_materialisation import flat, store
from whale_platform_tests.stores.builders import GAP, START


def note(dsn: str, *gaps: GapRow) -> None:
    with open_transaction(dsn, "test") as conn, conn.cursor() as cursor:
        upserts.upsert_gaps(cursor, gaps)


def wide(minute: int, first: int, last: int, count: int) -> WindowRow:
    return flat(minute, "1")._replace(first_trade_id=first, last_trade_id=last, trade_count=count)


def test_rejects_and_holes_given_up_are_summed(database: str) -> None:
    assert (stream_quality.read_reject_counts(database), stream_quality.read_unrepaired_gaps(database)) == ([], [])
    with open_transaction(database, "test") as conn, conn.cursor() as cursor:
        upserts.count_rejects(
            cursor, [RejectedMessage(MessageRef("trade_windows", part, 1), "not JSON") for part in (0, 0, 1)]
        )
    note(database, GAP._replace(state="unrepaired", filled=4), GAP._replace(first_id=50, last_id=60))
    assert stream_quality.read_reject_counts(database) == [("trade_windows", "not JSON", 3)]
    assert stream_quality.read_unrepaired_gaps(database) == [("binance", "BTCUSDT", 5)]


def test_losses_are_told_from_a_time_on(database: str) -> None:
    row = LossRow("windows", "raw_crypto_trades", 0, "topic-1", 7, None, "recreated", "all after 6", START)
    with open_transaction(database, "test") as conn, conn.cursor() as cursor:
        upserts.insert_losses(cursor, [row, row._replace(found_at=START + HOUR, last_offset=6, cause="none")])
        assert upserts.insert_losses(cursor, [row._replace(detail="again")]) == 0
    assert [(one.cause, one.detail) for one in stream_quality.read_losses(database, START)] == [
        ("recreated", "all after 6"),
        ("none", "all after 6"),
    ]
    assert [one.cause for one in stream_quality.read_losses(database, START + HOUR)] == ["none"]


def test_how_far_a_table_has_come(database: str) -> None:
    assert stream_quality.read_table_progress(database, "trade_windows") == TableProgress(0, None)
    store(database, [flat(0, "1"), flat(7, "1")])
    assert stream_quality.read_table_progress(database, "trade_windows").time == START + timedelta(minutes=7)
