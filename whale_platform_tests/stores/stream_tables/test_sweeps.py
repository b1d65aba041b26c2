"""Sweeps in `whale_alerts`: they grow, whatever the order of their messages, and contain their single trades."""

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import cursor as Cursor

from whale_platform.api.push.fanout.message_text import to_pushed_whale
from whale_platform.contracts.whale_alert import WhaleRow
from whale_platform.domain.names import WHALE_ALERTS
from whale_platform.sink.fold import fold_records
from whale_platform.stores.errors import RowRejectedError
from whale_platform.stores.postgres.connection import open_transaction, translate_errors
from whale_platform.stores.stream_tables import upserts
from whale_platform_tests.sink.messages import message, record
from whale_platform_tests.stores.builders import START, SWEEP, WHALE

SECOND = timedelta(seconds=1)
EXACT = Context(prec=200)


@pytest.fixture
def cursor(database: str) -> Iterator[Cursor]:
    with open_transaction(database, "test", statement_timeout_s=30) as conn, conn.cursor() as cursor:
        yield cursor


def fetch(cursor: Cursor, statement: str) -> list[tuple[object, ...]]:
    cursor.execute(statement)
    return cursor.fetchall()


def grown(fills: int, **changes: object) -> WhaleRow:
    """The sweep after so many fills of 200 units, as the stream emits it that many milliseconds later."""
    at = START + fills * timedelta(milliseconds=1)
    row = SWEEP._replace(fills=fills, price=str(99 + fills), quantity=str(200 * fills), levels=fills)
    row = row._replace(last_trade_id=9 + fills, notional=str(20_000 * fills), notional_usd=str(20_000 * fills))
    row = row._replace(received_time=at, detected_time=at, topic_offset=fills, topic_partition=0)
    return WhaleRow(**(row._asdict() | changes))


def test_a_sweep_is_stored_as_it_came_with_its_average_and_slippage(cursor: Cursor) -> None:
    assert upserts.insert_whales(cursor, [SWEEP, WHALE._replace(trade_id=99)]) == 2
    cursor.execute("SELECT * FROM whale_alerts WHERE kind = 'sweep'")
    names = [column.name for column in cursor.description or ()]
    stored = dict(zip(names, cursor.fetchall()[0], strict=True))
    for name, value in SWEEP._asdict().items():
        assert (str(stored[name]) if isinstance(stored[name], Decimal) else stored[name]) == value
    assert stored["vwap"] == Decimal("100.333333333333333333")
    assert (stored["slippage_bps"], stored["overruled_fills"]) == (100, 0)
    assert fetch(cursor, "SELECT vwap, slippage_bps FROM whale_alerts WHERE trade_id = 99") == [(None, None)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=st.decimals("0.00000001", "1e9", allow_nan=False, places=8),
    last=st.decimals("0.00000001", "1e9", allow_nan=False, places=8),
    quantity=st.decimals("0.00000001", "1e9", allow_nan=False, places=8),
    side=st.sampled_from(["buy", "sell"]),
)
def test_average_and_slippage_are_exact_and_pushed_as_they_are_stored(
    cursor: Cursor, first: Decimal, last: Decimal, quantity: Decimal, side: str
) -> None:
    cursor.execute("DELETE FROM whale_alerts")
    row = SWEEP._replace(first_price=f"{first:f}", price=f"{last:f}", quantity=f"{quantity:f}", side=side)
    upserts.insert_whales(cursor, [row])
    worse = last - first if side == "buy" else first - last
    slippage = EXACT.divide(worse * 10_000, first).quantize(Decimal("1e-6"), ROUND_HALF_UP, EXACT)
    vwap = EXACT.divide(Decimal(60_200), quantity).quantize(Decimal("1e-18"), ROUND_HALF_UP, EXACT)
    assert fetch(cursor, "SELECT slippage_bps, vwap FROM whale_alerts") == [(slippage, vwap)]
    pushed = json.loads(to_pushed_whale(row).body)
    text = fetch(cursor, "SELECT slippage_bps::text, vwap::text FROM whale_alerts")
    assert text == [(pushed["slippage_bps"], pushed["vwap"])]


def test_a_sweep_grows_and_is_never_set_back(cursor: Cursor) -> None:
    assert [upserts.insert_whales(cursor, [grown(fills)]) for fills in (3, 4, 7, 4, 3, 7)] == [1, 1, 1, 0, 0, 0]
    again = grown(7, detected_time=START + SECOND, run_id="run-2", threshold_usd="70000")
    assert upserts.insert_whales(cursor, [again]) == 0, "the first detection of a state stays"
    assert fetch(
        cursor, "SELECT fills, price, notional_usd, last_trade_id, detected_time, run_id FROM whale_alerts"
    ) == [(7, 106, 140_000, 16, grown(7).detected_time, "run-1")]


MESSAGES = st.lists(
    st.tuples(st.integers(2, 6), st.integers(0, 2)).map(
        lambda state: grown(state[0], detected_time=START + state[1] * SECOND, run_id=f"run-{state[1]}")
    ),
    min_size=1,
    max_size=10,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(MESSAGES)
def test_any_order_and_repetition_of_its_messages_gives_the_same_row(cursor: Cursor, messages: list[WhaleRow]) -> None:
    found = []
    for order in (messages, [*reversed(messages), *messages], sorted(messages)):
        cursor.execute("DELETE FROM whale_alerts")
        for row in order:
            upserts.insert_whales(cursor, [row])
        found += fetch(cursor, "SELECT fills, notional_usd, detected_time, run_id FROM whale_alerts")
    last = max(messages, key=lambda row: (row.fills or 0, -row.detected_time.timestamp()))
    wanted = (last.fills, Decimal(last.notional_usd), last.detected_time, last.run_id)
    assert found == [wanted] * 3


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(2, 9), min_size=1, max_size=12), st.integers(1, 11))
def test_however_the_messages_are_cut_into_batches_the_row_is_the_same(
    cursor: Cursor, states: list[int], cut: int
) -> None:
    cursor.execute("DELETE FROM whale_alerts")
    sizes = [
        message(
            WHALE_ALERTS, kind="sweep", fills=fills, levels=1, first_price="1", last_trade_id=9 + fills, notional="1"
        )
        for fills in states
    ]
    records = [record(WHALE_ALERTS, offset, value) for offset, value in enumerate(sizes)]
    for part in (records[:cut], records[cut:], records[:cut]):
        batch = fold_records(part, {(WHALE_ALERTS, 0): 0})
        assert len(batch.whales) <= 1, "a batch writes the last state alone"
        upserts.insert_whales(cursor, [row for row, _ in batch.whales.values()])
    assert fetch(cursor, "SELECT fills, last_trade_id FROM whale_alerts") == [(max(states), 9 + max(states))]


@pytest.mark.parametrize(
    "changes",
    [{"fills": 1}, {"fills": None}, {"levels": 4}, {"levels": 0}, {"last_trade_id": None}, {"notional": None}],
)
def test_a_sweep_that_lacks_what_makes_it_one_is_refused(cursor: Cursor, changes: dict[str, object]) -> None:
    cursor.execute("SAVEPOINT before")
    with pytest.raises(RowRejectedError, match=r"whale_alerts_sweep_is_complete$"), translate_errors():
        upserts.insert_whales(cursor, [WhaleRow(**(SWEEP._asdict() | changes))])
    cursor.execute("ROLLBACK TO SAVEPOINT before")


def test_an_order_is_counted_once(cursor: Cursor) -> None:
    rows = [
        SWEEP,
        *(WHALE._replace(trade_id=trade_id, notional_usd="25000") for trade_id in (9, 10, 11, 13)),
        WHALE._replace(trade_id=12, sweep_first_id=10),
        WHALE._replace(trade_id=14, sweep_first_id=9),
        WHALE._replace(trade_id=12, sweep_first_id=10, symbol="ETHUSDT"),
        WHALE._replace(trade_id=12, sweep_first_id=10, exchange="coinbase"),
        WHALE._replace(trade_id=11, kind="block"),
    ]
    upserts.insert_whales(cursor, rows)
    assert fetch(cursor, "SELECT exchange, symbol, kind, trade_id FROM whale_orders ORDER BY 1, 2, 3, 4") == [
        ("binance", "BTCUSDT", "block", 11),
        ("binance", "BTCUSDT", "single_trade", 9),
        ("binance", "BTCUSDT", "single_trade", 11),
        ("binance", "BTCUSDT", "single_trade", 13),
        ("binance", "BTCUSDT", "single_trade", 14),
        ("binance", "BTCUSDT", "sweep", 10),
        ("binance", "ETHUSDT", "single_trade", 12),
        ("coinbase", "BTCUSDT", "single_trade", 12),
    ], "10 and 12 are fills of the sweep; 11 begins an order of its own, and that of 14 is no whale"


ONE_OF_THREE: dict[str, Any] = {"quantity": "1", "price": "60000", "notional_usd": "60000", "notional": "60000"}


@pytest.mark.parametrize("ids", [(900, 300, 500), (300, 900, 500), (300, 500, 900), (500, 900, 300), (10, 11, 12)])
def test_an_order_whose_ids_are_in_no_order_is_counted_once_and_hides_no_other(
    cursor: Cursor, ids: tuple[int, int, int]
) -> None:
    """Ids that are hashes: another order's trade of the same moment lies between them."""
    first, *rest = (WHALE._replace(trade_id=trade_id, **ONE_OF_THREE) for trade_id in ids)
    others = [WHALE._replace(trade_id=trade_id, side="sell", **ONE_OF_THREE) for trade_id in (13, 400, 700)]
    sums: dict[str, Any] = {"price": "60000", "first_price": "60000", "notional": "180000", "notional_usd": "180000"}
    sweep = SWEEP._replace(trade_id=ids[0], last_trade_id=ids[-1], levels=1, quantity="3", **sums)
    fills = [first, *(one._replace(sweep_first_id=ids[0]) for one in rest)]
    upserts.insert_whales(cursor, [*fills, *others, sweep])
    assert fetch(cursor, "SELECT side, count(*), sum(notional_usd) FROM whale_orders GROUP BY 1 ORDER BY 1") == [
        ("buy", 1, 180_000),
        ("sell", 3, 180_000),
    ]
