"""A recomputation from the lake against what the stream wrote, on a real database: who has the last word, and when."""

import threading
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whale_platform.api.latest_cache.updater import ChangeSet
from whale_platform.contracts.trade_window import WindowRow
from whale_platform.contracts.whale_alert import WhaleRow
from whale_platform.domain.market import MarketHour
from whale_platform.stores.asset_tables import recomputed_hours, rollups, whale_prices, whale_reports
from whale_platform.stores.asset_tables.materialisation import HOUR, HourRange, Provenance
from whale_platform.stores.asset_tables.whale_prices import WhalePriceRow
from whale_platform.stores.quality import audit_counts
from whale_platform.stores.stream_tables.change_listener import ChangeListener
from whale_platform_tests.stores.asset_tables.test_materialisation import MAKER, store
from whale_platform_tests.stores.builders import START, WHALE, WINDOW
from whale_platform_tests.support.postgres_server import query

ONE = HourRange(START, START + HOUR)
BITCOIN = ("binance", "BTCUSDT", START)
MINUTE = timedelta(minutes=1)


def window(minute: int, trades: int, symbol: str = "BTCUSDT", run: str = "run-1") -> WindowRow:
    """A window of `trades` trades of one unit each."""
    return WINDOW._replace(
        symbol=symbol, window_start=START + minute * MINUTE, trade_count=trades, volume=str(trades), buy_volume="0"
    )._replace(notional=str(100 * trades), run_id=run)


def counts(dsn: str) -> list[tuple[object, ...]]:
    return query(dsn, "SELECT symbol, trade_count, made_from FROM trade_windows ORDER BY symbol, window_start")


def overrule(
    dsn: str,
    hours: HourRange,
    windows: list[WindowRow],
    whales: list[WhaleRow],
    whole: list[MarketHour],
    maker: Provenance,
    prices: Sequence[WhalePriceRow] = (),
) -> recomputed_hours.StoredRowCounts:
    """A recomputation during which nothing else is written."""
    return recomputed_hours.store_recomputed(
        dsn, hours, windows, whales, whole, maker, recomputed_hours.read_row_snapshot(dsn, hours), (), lambda: prices
    )


def sinks(dsn: str, *windows: WindowRow) -> None:
    """What the sink does with windows of the stream."""
    store(dsn, list(windows))


def test_a_window_counted_too_high_is_corrected_and_stays_so(database: str) -> None:
    sinks(database, window(0, 12), window(1, 5), window(2, 7), window(0, 9, "ETHUSDT"))
    rollups.materialise_rollups(database, ONE, MAKER)
    whale_reports.materialise_reports(database, ONE, MAKER)
    lake = [window(0, 10, run="lake"), window(1, 8, run="lake"), window(0, 8, "ETHUSDT", "lake")]
    done = overrule(database, ONE, lake, [], [BITCOIN], Provenance("lake", "abc"))
    assert (done.windows, done.windows_deleted) == (2, 1), "down, up, one that was never there; ETH is not held whole"
    right = [("BTCUSDT", 10, "lake"), ("BTCUSDT", 8, "lake"), ("ETHUSDT", 9, "stream")]
    assert counts(database) == right
    assert query(database, "SELECT symbol, trade_count FROM hourly_rollups ORDER BY 1") == [
        ("BTCUSDT", 18),
        ("ETHUSDT", 9),
    ]
    assert query(database, "SELECT symbol, market_notional FROM whale_reports ORDER BY 1") == [
        ("BTCUSDT", Decimal(1800)),
        ("ETHUSDT", Decimal(900)),
    ]
    assert rollups.find_stale_rollup_hours(database, ONE) == []
    sinks(database, window(0, 12, run="again"), window(1, 8, run="again"), window(0, 11, run="again"))
    assert counts(database) == right, "what the stream says again after a restart is not new"
    sinks(database, window(0, 13))
    assert counts(database)[0] == ("BTCUSDT", 13, "stream")
    sinks(database, lake[1]._replace(trade_count=9))
    assert overrule(database, ONE, lake, [], [BITCOIN], MAKER).windows == 2, "also where only the count differs"
    assert overrule(database, ONE, lake, [], [BITCOIN], MAKER).windows == 0, "repeating it changes nothing"


def test_the_report_of_the_hour_before_has_the_corrected_prices_too(database: str) -> None:
    near, later = window(61, 3), window(140, 1)
    whale = WHALE._replace(event_time=START + 50 * MINUTE)
    sinks(database, window(50, 5), near, later)
    store(database, [], [whale])

    def prices(after_15: str) -> list[WhalePriceRow]:
        return [WhalePriceRow(*whale.key, None, None, None, None, None, Decimal(after_15))]

    whale_prices.store_prices(database, lambda: prices("61840"), MAKER)
    whale_reports.materialise_reports(database, HourRange(START, START + 2 * HOUR), MAKER)
    after = "SELECT hour, largest->0->>'after_15' FROM whale_reports ORDER BY hour"
    assert query(database, after)[0] == (START, "61840")
    second = HourRange(START + HOUR, START + 2 * HOUR)
    whole = [(*BITCOIN[:2], START + HOUR)]
    overrule(database, second, [near._replace(trade_count=2)], [], whole, MAKER, prices("61835"))
    assert query(database, after) == [(START, "61835"), (START + HOUR, None)], "and of an hour without one none is made"
    assert whale_reports.find_stale_report_hours(database, HourRange(START, START + 2 * HOUR)) == []
    query(database, "DELETE FROM trade_windows WHERE window_start < %s", START + HOUR)
    overrule(database, second, [near._replace(trade_count=1)], [], whole, MAKER, prices("61837"))
    assert query(database, after)[0] == (START, "61835"), "what is no longer there can't be made again"


def test_an_hour_whose_windows_all_go_has_no_rollup_or_report(database: str) -> None:
    sinks(database, window(0, 12))
    rollups.materialise_rollups(database, ONE, MAKER)
    whale_reports.materialise_reports(database, ONE, MAKER)
    overrule(database, ONE, [], [], [BITCOIN], MAKER)
    for table in ("trade_windows", "hourly_rollups", "whale_reports"):
        assert query(database, f"SELECT count(*) FROM {table}") == [(0,)], table


def test_a_whale_that_is_none_is_taken_back_with_a_record_and_does_not_return(database: str) -> None:
    wrong, right = WHALE._replace(trade_id=1), WHALE._replace(trade_id=2)
    other = WHALE._replace(trade_id=3, event_time=START + HOUR)
    store(database, [window(0, 10)], [wrong, right, other])
    lake = [right._replace(run_id="lake", detected_time=START + HOUR), WHALE._replace(trade_id=4, run_id="lake")]
    done = overrule(database, ONE, [window(0, 10)], lake, [BITCOIN], Provenance("recompute-1", "abc"))
    assert (done.whales, done.whales_taken_back) == (1, 1)
    found = query(database, "SELECT trade_id, run_id, made_from FROM whale_alerts ORDER BY 1")
    assert found == [(2, "run-1", "stream"), (3, "run-1", "stream"), (4, "lake", "lake")], "the first detection stays"
    assert query(database, "SELECT trade_id, notional_usd, taken_back_by FROM whales_taken_back") == [
        (1, Decimal("123675.26"), "recompute-1")
    ]
    assert query(database, "SELECT whales FROM whale_reports") == [(2,)]
    store(database, [], [wrong, right])
    assert query(database, "SELECT trade_id FROM whale_alerts ORDER BY 1") == [(2,), (3,), (4,)]
    overrule(database, ONE, [window(0, 10)], [*lake, wrong], [BITCOIN], MAKER)
    assert query(database, "SELECT count(*) FROM whales_taken_back") == [(0,)]
    assert query(database, "SELECT trade_id FROM whale_alerts ORDER BY 1") == [(1,), (2,), (3,), (4,)]


def test_listeners_hear_of_what_was_taken_back(database: str) -> None:
    store(database, [], [WHALE])
    listener = ChangeListener(database, "test")
    try:
        overrule(database, ONE, [], [], [BITCOIN], MAKER)
        heard = listener.wait_for_notices(60)
    finally:
        listener.close()
    news = ChangeSet()
    for payload in heard:
        news.merge(payload)
    assert (news.everything, news.taken_back) == (True, 1)


def test_of_an_hour_that_is_not_held_whole_no_whale_is_taken_back(database: str) -> None:
    store(database, [], [WHALE])
    assert overrule(database, ONE, [], [], [], MAKER).whales_taken_back == 0
    assert query(database, "SELECT count(*) FROM whale_alerts") == [(1,)]


Update = tuple[bool, dict[int, int]]  # (from the lake, {minute: trades})
UPDATES = st.lists(
    st.tuples(st.booleans(), st.dictionaries(st.integers(0, 2), st.integers(1, 6), min_size=1)), min_size=1, max_size=8
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(UPDATES)
def test_whatever_the_order_the_last_recomputation_stands_until_the_stream_has_more(
    database: str, updates: list[Update]
) -> None:
    query(database, "DELETE FROM trade_windows")
    model: dict[int, int] = {}
    overruled: dict[int, int] = {}
    from_lake: set[int] = set()
    for lake, rows in updates:
        windows = [window(minute, trades) for minute, trades in rows.items()]
        if lake:
            overrule(database, ONE, windows, [], [BITCOIN], MAKER)
            for minute in [*model]:
                if minute not in rows:
                    del model[minute]
                    from_lake.discard(minute)
                    overruled.pop(minute, None)
            for minute, trades in rows.items():
                if model.get(minute) == trades:
                    continue
                if minute in model and minute not in from_lake:
                    overruled[minute] = max(overruled.get(minute, 0), model[minute])
                model[minute] = trades
                from_lake.add(minute)
        else:
            sinks(database, *windows)
            for minute, trades in rows.items():
                if trades > max(model.get(minute, 0), overruled.get(minute, 0) if minute in from_lake else 0):
                    model[minute] = trades
                    from_lake.discard(minute)
    assert counts(database) == [
        ("BTCUSDT", trades, "lake" if minute in from_lake else "stream") for minute, trades in sorted(model.items())
    ]


@pytest.mark.server
def test_recomputations_and_the_sink_never_wait_for_each_other(database: str) -> None:
    """Both write the same rows again and again; rows that come in any order are sorted by whoever writes them."""
    from whale_platform.stores.stream_tables.rows import MessageRef, SinkBatch
    from whale_platform.stores.stream_tables.sink_store import SinkStore, StoredOffset

    symbols = [f"S{number}" for number in range(40)]
    keys = [("binance", symbol, START) for symbol in symbols]
    failures: list[Exception] = []
    sink = SinkStore(database)
    sink.store_offsets({("trade_windows", 0): StoredOffset(0, "i", "c")}, [])

    def from_stream() -> None:
        for number in range(40):
            batch = SinkBatch(offset_moves={("trade_windows", 0): (number, number + 1)})
            for symbol in reversed(symbols):
                for minute in (3, 1, 2):
                    row = window(minute, 100 + number, symbol)
                    batch.windows[row.key] = (row, MessageRef("trade_windows", 0, number))
            try:
                sink.write(batch)
            except Exception as error:  # noqa: BLE001
                failures.append(error)
                return

    thread = threading.Thread(target=from_stream)
    thread.start()
    try:
        for number in range(20):
            rows = [window(minute, 1 + number, symbol) for minute in (2, 1) for symbol in symbols]
            overrule(database, ONE, rows, [], keys, MAKER)
    finally:
        thread.join()
        sink.close()
    assert failures == []


def test_extents_are_of_the_minutes_or_where_they_are_gone_of_the_rollup(database: str) -> None:
    sinks(database, window(0, 4), window(5, 6), window(0, 3, "ETHUSDT"))
    rollups.materialise_rollups(database, ONE, MAKER)
    query(database, "DELETE FROM trade_windows WHERE symbol = 'BTCUSDT'")
    found = audit_counts.count_trades(database, ONE.start, ONE.end, ONE.end)
    assert {key[1]: (one.trades, one.first_id, one.last_id) for key, one in found.items()} == {
        "BTCUSDT": (10, 10, 11),
        "ETHUSDT": (3, 10, 11),
    }


def test_a_whale_that_was_taken_back_returns_when_the_lake_has_its_trade(database: str) -> None:
    store(database, [], [WHALE])
    assert overrule(database, ONE, [], [], [BITCOIN], MAKER).whales_taken_back == 1
    assert overrule(database, ONE, [], [WHALE], [], MAKER).whales == 1, "also where the hour is not held whole"
    assert query(database, "SELECT count(*) FROM whales_taken_back") == [(0,)]
