"""The context of every whale, from a real lake and database, against a plain walk over all trades."""

import random
from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from whale_platform.domain.trade import Trade
from whale_platform.lake.analysis.alert_scan import ScanRequest, scan_alerts
from whale_platform.lake.analysis.alert_selection import AlertConditions, select_alerts
from whale_platform.repair.price_work import store_due_prices
from whale_platform.stores.asset_tables import whale_prices, whale_reports
from whale_platform.stores.asset_tables.materialisation import HOUR, HourRange
from whale_platform_tests.lake.builders import START, captured, lay, trade
from whale_platform_tests.repair.context_oracle import (
    MINUTE,
    SECOND,
    SECONDS_AFTER,
    PlainWhale,
    build_rows,
    build_windows,
    find_orders,
    measure,
    measure_prices,
    to_time,
)
from whale_platform_tests.stores.asset_tables.test_materialisation import MAKER, store
from whale_platform_tests.support.postgres_server import database, empty_database, postgres_server, query

__all__ = ["database", "empty_database", "postgres_server"]

BEGIN = int(START.timestamp()) * SECOND
LAW = (0.9, 0.03, 2e6)  # Y, volatility and volume of a day
FIT = """
INSERT INTO impact_fits (exchange, symbol, until, hours, volatility, volume, sweeps, time_blocks, factor, factor_error,
    note, run_id, code_version)
SELECT 'binance', unnest(%s), %s, 24, %s, %s, 99, 99, %s, 0.1, NULL, 'run', 'code'
"""
MEASURED = "minute_notional minute_share hour_notional hour_share streak net_flow_usd expected_bps moved_bps outcome"
CONTEXT = f"SELECT exchange, symbol, kind, trade_id, {', '.join(MEASURED.split())} FROM whale_context"
PRICES = "SELECT exchange, symbol, kind, trade_id, before, after_1s, after_10s, after_1, after_5, after_15 FROM {}"
ONLY_ORDERS = "whale_prices JOIN whale_orders USING (exchange, symbol, kind, trade_id)"


def make_trades(seed: int, count: int = 1200) -> list[Trade]:
    """Of two symbols, over some hours: many in one moment, silences of more than a quarter of an hour."""
    chance = random.Random(seed)
    steps = [0, 0, 0, 0, 1, 1_000, SECOND, 7 * SECOND, 59_999_999]
    last, trades = {"BTCUSDT": (0, 0), "ETHUSDT": (0, 0)}, []
    for _ in range(count):
        symbol = chance.choice(list(last))
        number, time = last[symbol]
        time += 1200 * SECOND if chance.random() < 0.004 else chance.choice(steps)
        last[symbol] = number + 1, time
        price, quantity = f"100.{chance.randint(10, 99)}", str(chance.choice((1, 2, 3, 9)))
        one = trade(number, symbol, price=price, quantity=quantity)._replace(side=chance.choice(("buy", "buy", "sell")))
        trades.append(one._replace(event_time=BEGIN + time, received_time=BEGIN + time))
    return trades


def store_all(dsn: str, trades: Sequence[Trade], floor: Decimal) -> list[PlainWhale]:
    """Windows and whales of these trades, and a fit before them; returns the whales."""
    whales = [one for one in find_orders(trades) if one.notional >= floor]
    store(dsn, build_windows(trades), build_rows(whales, floor))
    first = to_time(min(one.event_time for one in trades))
    factor, volatility, volume = LAW
    query(dsn, FIT, sorted({one.symbol for one in trades}), first, volatility, volume, factor)
    return whales


def read_context(dsn: str) -> dict[Any, dict[str, Any]]:
    names = MEASURED.split()
    return {row[:4]: dict(zip(names, row[4:], strict=True)) for row in query(dsn, CONTEXT)}


def check(dsn: str, root: Path, trades: Sequence[Trade], floor: Decimal) -> dict[Any, dict[str, Any]]:
    """Returns what was found, by whale."""
    whales = store_all(dsn, trades, floor)
    while store_due_prices(root, dsn, MAKER, most=50).due:
        pass
    prices = {row[:4]: list(row[4:]) for row in query(dsn, PRICES.format(ONLY_ORDERS))}
    found = read_context(dsn)
    assert set(found) == {one.key for one in whales}
    for whale in whales:
        market = [one for one in trades if one.symbol == whale.key[1]]
        if whale.key in prices:
            assert prices[whale.key] == measure_prices(whale, market), whale.key
        else:
            assert max(one.event_time for one in market) <= whale.time + SECOND, whale.key
        expected = measure(whale, whales, trades, LAW)
        got = found[whale.key]
        assert float(got.pop("expected_bps")) == pytest.approx(expected.pop("expected_bps"), abs=1e-6)
        assert got == expected, whale.key
    return found


@pytest.mark.parametrize("seed", range(3))
def test_the_context_of_every_whale_is_that_of_a_plain_walk(database: str, tmp_path: Path, seed: int) -> None:
    root, trades = tmp_path / "lake" / "trades", make_trades(seed)
    lay(root, trades)
    found = check(database, root, trades, Decimal(500)).values()
    assert {one["outcome"] for one in found} >= {"absorbed", "as_expected", "broke_through"}
    assert max(one["streak"] for one in found) > 2 and min(one["net_flow_usd"] for one in found) < 0


def test_the_context_of_real_whales_is_that_of_a_plain_walk(database: str, tmp_path: Path) -> None:
    root, trades = tmp_path / "lake" / "trades", list(captured())
    lay(root, trades)
    found = check(database, root, trades, Decimal(50_000))
    assert len(found) == 120, "orders of the four captures"


def test_the_largest_of_a_report_have_the_same_context(database: str, tmp_path: Path) -> None:
    root, trades = tmp_path / "lake" / "trades", make_trades(3)
    lay(root, trades)
    found = check(database, root, trades, Decimal(500))
    whale_reports.materialise_reports(database, HourRange(START, START + 24 * HOUR), MAKER)
    largest = query(database, "SELECT exchange, symbol, jsonb_array_elements(largest) FROM whale_reports")
    assert len(largest) > 20
    for exchange, symbol, one in largest:
        context = found[exchange, symbol, one["kind"], one["trade_id"]]
        for name in ("minute_share", "hour_share", "moved_bps"):
            assert (None if one[name] is None else Decimal(one[name])) == context[name]
        assert (one["streak"], one["outcome"]) == (context["streak"], context["outcome"])
        assert (None in (one["before"], one["after_1s"])) == (one["moved_bps"] is None)


def scan(root: Path, floor: str) -> Iterator[tuple[Any, list[float]]]:
    """The key of each whale of the back-test, and how far the price moved after it."""
    horizons = [seconds * SECOND for seconds in SECONDS_AFTER]
    request = ScanRequest(
        START, START + timedelta(days=1), horizons, lambda *_: Decimal(floor), lambda *_: [(0, Decimal(floor))]
    )
    with scan_alerts(root, request, lambda *_: None) as alerts:
        found, columns = select_alerts(alerts, AlertConditions())
        for one, moves in zip(found, columns.moves.tolist(), strict=True):
            yield (one.exchange, one.symbol, one.kind, one.trade_id), moves


@pytest.mark.parametrize("dense", [True, False])
def test_page_and_back_test_have_the_same_prices(database: str, tmp_path: Path, dense: bool) -> None:
    root, trades = tmp_path / "lake" / "trades", make_trades(7)
    if not dense:  # ids then tell no order: that of the topic holds
        chance = random.Random(1)
        ids = chance.sample(range(10**6), len(trades))
        trades = [one._replace(dense=False, trade_id=number) for one, number in zip(trades, ids, strict=True)]
    lay(root, trades)
    single = [PlainWhale([one]) for one in trades if one.price * one.quantity >= 500]
    store(database, build_windows(trades), build_rows(single, Decimal(500)))
    while store_due_prices(root, database, MAKER).due:
        pass
    prices = {row[:4]: row[5:] for row in query(database, PRICES.format("whale_prices"))}
    by_key = {one.key: one for one in single}
    compared = 0
    for key, moves in scan(root, "500"):
        if key not in by_key:
            continue  # a sweep
        whale, compared = by_key[key], compared + 1
        for price, move in zip(prices.get(key, [None] * 5), moves, strict=True):
            sign = whale.sign * 10_000
            here = float("nan") if price is None else sign * (float(price) / float(whale.fills[0].price) - 1)
            assert move == pytest.approx(here, rel=1e-6, abs=1e-6, nan_ok=True), key
    assert compared == len(single) > 100


def test_a_whale_is_looked_at_when_a_price_may_be_known_and_then_left_alone(database: str, tmp_path: Path) -> None:
    root, whale = tmp_path / "lake" / "trades", trade(0, quantity="1000")
    lay(root, [whale])
    asked: list[tuple[int, int]] = []
    trades = [whale]
    store(database, build_windows(trades), build_rows([PlainWhale([whale])], Decimal(500)))
    for number, second in enumerate((0, 1, 2, 11, 12, 61, 301, 901, 902, 1619, 1621, 1700, 9000), 1):
        later = trade(number, price="101")._replace(event_time=whale.event_time + second * SECOND)
        trades.append(later)
        lay(root, [later], first_offset=number)
        store(database, [one._replace(trade_count=number + 1) for one in build_windows(trades)])
        asked.append((second, store_due_prices(root, database, MAKER).due))
    looked = [second for second, count in asked if count]
    assert looked == [2, 11, 61, 301, 901, 1621], "once a mark is passed, and once when nothing is late any more"
    assert query(database, "SELECT settled FROM whale_prices") == [(True,)]


@pytest.mark.parametrize("is_behind", [False, True])
def test_what_the_lake_never_gets_is_not_looked_for_for_ever(database: str, tmp_path: Path, is_behind: bool) -> None:
    root, whale = tmp_path / "lake" / "trades", trade(0, quantity="1000")
    lay(root, [trade(0, "ETHUSDT"), trade(1 if is_behind else 3, "ETHUSDT", every_s=3600)])
    store(database, build_windows([whale]), build_rows([PlainWhale([whale])], Decimal(500)))
    counts = []
    for number, minutes in enumerate((1, 110, 121, 130), 1):
        later = trade(number)._replace(event_time=whale.event_time + minutes * MINUTE)
        store(database, [one._replace(trade_count=number + 1) for one in build_windows([whale, later])])
        done = store_due_prices(root, database, MAKER)
        counts.append((done.due, done.changed))
    last = [(1, 0), (1, 0)] if is_behind else [(1, 1), (0, 0)]
    assert counts == [(1, 1), (1, 0), *last], "due and changed: first without a price, then given up"
    assert query(database, "SELECT settled, after_15 FROM whale_prices") == [(not is_behind, None)]


def test_a_late_trade_changes_the_prices_until_they_are_settled(database: str, tmp_path: Path) -> None:
    root, whale = tmp_path / "lake" / "trades", trade(0, quantity="1000")
    trades = [whale, trade(1, price="101")._replace(event_time=whale.event_time + 1000 * SECOND)]
    lay(root, trades)
    store(database, build_windows(trades), build_rows([PlainWhale([whale])], Decimal(500)))
    store_due_prices(root, database, MAKER)
    assert query(database, "SELECT after_1s, after_15 FROM whale_prices") == [(Decimal("100.5"), Decimal("100.5"))]
    late = trade(2, price="99")._replace(event_time=whale.event_time + SECOND // 2)
    end = trade(3, price="98")._replace(event_time=whale.event_time + 1700 * SECOND)
    lay(root, [late, end], first_offset=2)
    store(database, [one._replace(trade_count=9) for one in build_windows([*trades, end])])
    store_due_prices(root, database, MAKER)
    assert query(database, "SELECT after_1s, settled FROM whale_prices") == [(Decimal(99), True)]


@pytest.mark.parametrize("kind", ["block", "liquidation"])
def test_what_is_beside_the_book_has_neither_share_nor_streak_nor_impact(database: str, kind: str) -> None:
    beside = trade(5, quantity="1000")
    (row,) = build_rows([PlainWhale([beside])], Decimal(500))
    store(database, build_windows([beside]), [row._replace(kind=kind)])
    assert read_context(database) == {("binance", "BTCUSDT", kind, 5): dict.fromkeys(MEASURED.split())}


SMALLER, EARLIER = trade(65, quantity="3"), trade(64, quantity="1200")


@pytest.mark.parametrize(
    "held",
    [SMALLER, EARLIER._replace(event_time=SMALLER.event_time), EARLIER._replace(trade_id=66)],
    ids=["less than it", "up to an earlier id", "up to an earlier time"],
)
def test_a_share_is_not_known_until_the_window_has_the_whale(database: str, held: Trade) -> None:
    before, whale = trade(0, quantity="9000"), trade(65, quantity="1000")
    store(database, build_windows([before, held]), build_rows([PlainWhale([whale])], Decimal(5)))
    (found,) = read_context(database).values()
    assert (found["minute_notional"], found["minute_share"], found["hour_share"]) == (held.notional, None, None)
    store(database, [one._replace(trade_count=2) for one in build_windows([held, whale])])
    (found,) = read_context(database).values()
    assert found["minute_share"] > found["hour_share"] > 0


def test_a_fit_is_used_from_its_end_on(database: str) -> None:
    before, after = (PlainWhale([trade(number, quantity="1000", every_s=60)]) for number in (0, 60))
    store(database, build_windows([*before.fills, *after.fills]), build_rows([before, after], Decimal(500)))
    query(database, FIT, ["BTCUSDT"], START + timedelta(minutes=30), 0.03, 2e6, 0.9)
    found = {key[3]: one["expected_bps"] for key, one in read_context(database).items()}
    assert found[0] is None and found[60] is not None
    assert whale_prices.read_due_whales(database, 9)[0].trade_id == 0
