"""The asset tables against a plain fold of the same stream rows, and what makes an hour stale."""

import math
import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import reduce
from itertools import pairwise

import pytest

from whale_platform.contracts.trade_window import WindowRow
from whale_platform.contracts.whale_alert import WhaleRow
from whale_platform.domain.size_bands import MarketBands
from whale_platform.domain.trade import EXACT
from whale_platform.stores.asset_tables import rollups, size_bands, whale_prices, whale_reports
from whale_platform.stores.asset_tables.materialisation import HOUR, HourRange, Provenance
from whale_platform.stores.asset_tables.whale_prices import WhalePriceRow
from whale_platform.stores.postgres.connection import open_transaction
from whale_platform.stores.stream_tables import upserts
from whale_platform.stores.stream_tables.partitions import ensure_days
from whale_platform_tests.stores.builders import START, WHALE, WINDOW
from whale_platform_tests.support.postgres_server import query

MINUTE = timedelta(minutes=1)
DAY = HourRange(START, START + 24 * HOUR)
MAKER = Provenance("run-7", "abc")


def store(dsn: str, windows: list[WindowRow], whales: list[WhaleRow] | None = None) -> None:
    with open_transaction(dsn, "test", statement_timeout_s=60) as conn, conn.cursor() as cursor:
        ensure_days(cursor, {row.window_start.date() for row in windows})
        upserts.upsert_windows(cursor, windows)
        upserts.insert_whales(cursor, whales or [])


def store_bands(dsn: str, start: datetime, end: datetime, rows: list[MarketBands]) -> None:
    """As of a lake that has each trade once."""
    lake_rows: dict[datetime, int] = defaultdict(int)
    for row in rows:
        lake_rows[row.start] += row.trades
    with size_bands.open_transaction(dsn) as cursor:
        size_bands.replace_bands(cursor, start, end, rows, lake_rows, MAKER)


def some_windows(hours: int, symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT")) -> list[WindowRow]:
    """Seeded windows of one or two trades a minute, with minutes missing."""
    dice = random.Random(3)
    rows = []
    for symbol in symbols:
        for number in range(hours * 60):
            if dice.random() < 0.1:
                continue
            prices = [Decimal(dice.randrange(1, 10**9)) / 10**4 for _ in range(2)]
            sizes = [Decimal(dice.randrange(1, 10**12)) / 10**8 for _ in range(2)]
            rows.append(
                WINDOW._replace(
                    symbol=symbol,
                    window_start=START + number * MINUTE,
                    open=str(prices[0]),
                    close=str(prices[1]),
                    high=str(max(prices)),
                    low=str(min(prices)),
                    price_sum=str(sum(prices)),
                    volume=str(sum(sizes)),
                    notional=str(sum(price * size for price, size in zip(prices, sizes, strict=True))),
                    buy_volume=str(sizes[0]),
                    first_trade_id=2 * number,
                    last_trade_id=2 * number + 1,
                    updated_at=START + number * MINUTE + timedelta(seconds=59),
                )
            )
    return rows


def exact(numbers: list[str]) -> Decimal:
    return reduce(EXACT.add, map(Decimal, numbers), Decimal(0))


def test_a_rollup_equals_a_plain_fold_of_its_windows(database: str) -> None:
    windows = some_windows(3)
    store(database, windows)
    assert rollups.materialise_rollups(database, DAY, MAKER) == 6
    groups: dict[tuple[str, datetime], list[WindowRow]] = defaultdict(list)
    for window in windows:
        groups[window.symbol, window.window_start.replace(minute=0)].append(window)
    made = rollups.read_rollups(database, DAY)
    assert [(row.hour, row.symbol) for row in made] == sorted((hour, symbol) for symbol, hour in groups)
    for row in made:
        fold = groups[row.symbol, row.hour]
        volume, notional = exact([one.volume for one in fold]), exact([one.notional for one in fold])
        assert (row.open, row.close) == (Decimal(fold[0].open), Decimal(fold[-1].close))
        assert (row.high, row.low) == (max(Decimal(o.high) for o in fold), min(Decimal(o.low) for o in fold))
        assert (row.volume, row.notional) == (volume, notional)
        assert row.vwap == EXACT.divide(notional, volume).quantize(Decimal("1e-18"), ROUND_HALF_UP, EXACT)
        assert row.buy_volume == exact([one.buy_volume for one in fold])
        assert row.sell_volume == EXACT.subtract(volume, row.buy_volume)
        assert (row.trade_count, row.minutes) == (2 * len(fold), len(fold))
        closes = [float(fold[0].open), *[float(one.close) for one in fold]]
        changes = [math.log(after / before) for before, after in pairwise(closes)]
        assert row.realised_volatility == pytest.approx(math.sqrt(sum(change**2 for change in changes)))


def test_hours_are_stale_until_made_and_again_when_a_window_changes(database: str) -> None:
    store(database, some_windows(3))
    assert rollups.find_stale_rollup_hours(database, DAY) == [START, START + HOUR, START + 2 * HOUR]
    rollups.materialise_rollups(database, HourRange(START, START + 2 * HOUR), MAKER)
    assert rollups.find_stale_rollup_hours(database, DAY) == [START + 2 * HOUR]
    rollups.materialise_rollups(database, DAY, MAKER)
    before = rollups.read_rollups(database, DAY)
    late = next(row for row in some_windows(3) if row.window_start >= START + HOUR)
    store(database, [late._replace(trade_count=3, volume="99999999", updated_at=late.updated_at - HOUR)])
    assert rollups.find_stale_rollup_hours(database, DAY) == [START + HOUR], "an old clock must not hide a late trade"
    rollups.materialise_rollups(database, HourRange(START + HOUR, START + 2 * HOUR), MAKER)
    assert rollups.find_stale_rollup_hours(database, DAY) == []
    changed = [old.hour for old, new in zip(before, rollups.read_rollups(database, DAY), strict=True) if old != new]
    assert changed == [START + HOUR]


def test_making_again_changes_nothing_and_what_the_stream_has_less_of_stays(database: str) -> None:
    store(database, some_windows(2))
    rollups.materialise_rollups(database, DAY, MAKER)
    before = rollups.read_rollups(database, DAY)
    made_at = query(database, "SELECT max(materialised_at) FROM hourly_rollups")[0][0]
    rollups.materialise_rollups(database, DAY, Provenance("run-8", "abd"))
    assert rollups.read_rollups(database, DAY) == before
    assert query(database, "SELECT min(materialised_at) > %s FROM hourly_rollups", made_at) == [(True,)]
    assert query(database, "SELECT DISTINCT run_id, code_version FROM hourly_rollups") == [("run-8", "abd")]
    store(database, [], [WHALE])
    whale_reports.materialise_reports(database, DAY, MAKER)
    reports = whale_reports.read_reports(database, DAY)
    query(database, "DELETE FROM trade_windows WHERE symbol = 'ETHUSDT'")
    query(database, "DELETE FROM trade_windows WHERE window_start < %s", START + 20 * MINUTE)
    query(database, "UPDATE trade_windows SET updated_at = now()")  # as a topic read again, less what it no longer has
    query(database, "DELETE FROM whale_alerts")
    assert rollups.find_stale_rollup_hours(database, DAY) == [START + HOUR], "that of which there is as much"
    assert whale_reports.find_stale_report_hours(database, DAY) == [START + HOUR]
    rollups.materialise_rollups(database, DAY, MAKER)
    whale_reports.materialise_reports(database, DAY, MAKER)
    assert (rollups.read_rollups(database, DAY), whale_reports.read_reports(database, DAY)) == (before, reports)
    with open_transaction(database, "test") as conn, conn.cursor() as cursor:
        for write in (rollups.write_rollups, whale_reports.write_reports):
            write(cursor, DAY, MAKER, [("binance", "BTCUSDT", START)])
    changed = [
        (old.hour, old.symbol)
        for old, new in zip(before, rollups.read_rollups(database, DAY), strict=True)
        if old != new
    ]
    assert changed == [(START, "BTCUSDT")], "what the lake says holds all there is"
    assert sum(row.whales for row in whale_reports.read_reports(database, DAY)) == 0


def flat(minute: int, price: str, symbol: str = "BTCUSDT") -> WindowRow:
    """A window of one unit at one price."""
    return WINDOW._replace(
        symbol=symbol,
        window_start=START + minute * MINUTE,
        open=price,
        high=price,
        low=price,
        close=price,
        price_sum=price,
        notional=price,
        volume="1",
        buy_volume="1",
        trade_count=1,
        first_trade_id=minute + 100,
        last_trade_id=minute + 100,
        updated_at=START + (minute + 1) * MINUTE,
    )


def around(trade_id: int, *prices: str | None) -> WhalePriceRow:
    """Before, and 1, 5 and 15 minutes after a whale."""
    before, one, five, fifteen = (None if price is None else Decimal(price) for price in prices)
    return WhalePriceRow(*WHALE.key[:3], trade_id, before, None, None, one, five, fifteen)


def test_a_whale_report_has_flow_share_and_the_prices_around_the_largest(database: str) -> None:
    prices = {-20: "1", -2: "100", 0: "110", 1: "120", 5: "130", 9: "140", 15: "150", 16: "160", 30: "170"}
    windows = [flat(minute, price) for minute, price in prices.items()]
    whales = [
        WHALE._replace(trade_id=1, notional_usd="60", side="buy", event_time=START + timedelta(seconds=59.9)),
        WHALE._replace(trade_id=2, notional_usd="90", side="sell", event_time=START + 5 * MINUTE),
        WHALE._replace(trade_id=3, notional_usd="10", event_time=START - timedelta(seconds=1)),
    ]
    store(database, [*windows, flat(3, "7", "ETHUSDT")], whales)
    hour = HourRange(START, START + HOUR)
    assert [one[3] for one in whale_prices.read_whale_refs(database, hour)] == [1, 2]
    known = [around(1, None, "110.5", "130", None), around(2, "120", "130", "140.000", "160")]
    whale_prices.store_prices(database, lambda: known, MAKER)
    whale_reports.materialise_reports(database, hour, MAKER)
    bitcoin, ether = whale_reports.read_reports(database, hour)
    assert (bitcoin.whales, bitcoin.notional_usd, bitcoin.net_flow_usd) == (2, Decimal(150), Decimal(-30))
    assert bitcoin.market_notional == 110 + 120 + 130 + 140 + 150 + 160 + 170
    assert bitcoin.share == (Decimal(150) / 980).quantize(Decimal("1e-9"))
    found = [[one[name] for name in ("before", "after_1", "after_5", "after_15")] for one in bitcoin.largest]
    assert [one["trade_id"] for one in bitcoin.largest] == [2, 1]
    assert found == [["120", "130", "140", "160"], [None, "110.5", "130", None]]
    assert (ether.whales, ether.share, ether.largest) == (0, Decimal(0), [])
    whale_prices.store_prices(database, lambda: [around(1, None, "111", None, None)], MAKER)
    whale_reports.materialise_reports(database, hour, MAKER)
    again = whale_reports.read_reports(database, hour)[0].largest[1]
    assert (again["after_1"], again["after_5"]) == ("111", "130"), "what the lake no longer has stays as it was"


def test_a_report_waits_for_the_prices_after_its_hour(database: str) -> None:
    hour = HourRange(START, START + HOUR)
    now = datetime.now(UTC)
    store(database, [flat(59, "100")], [WHALE._replace(event_time=START + 59 * MINUTE)])
    whale_reports.materialise_reports(database, hour, MAKER)
    assert whale_reports.find_stale_report_hours(database, DAY) == []
    store(database, [flat(77, "1", "ETHUSDT")])  # others have moved on, but this symbol's feed may be down
    whale_reports.materialise_reports(database, DAY, MAKER)
    assert whale_reports.find_stale_report_hours(database, DAY) == []
    store(database, [flat(78, "90")])
    assert START in whale_reports.find_stale_report_hours(database, DAY)
    query(database, "UPDATE trade_windows SET updated_at = %s WHERE window_start = %s", now, START + 59 * MINUTE)
    whale_reports.materialise_reports(database, DAY, MAKER)
    assert whale_reports.find_stale_report_hours(database, DAY) == [START], "the lake may be behind the stream"
    whale_prices.store_prices(database, lambda: [around(WHALE.trade_id, "99", "100", "100", "100")], MAKER)
    whale_reports.materialise_reports(database, DAY, MAKER)
    assert whale_reports.read_reports(database, hour)[0].largest[0]["after_15"] == "100"
    assert whale_reports.find_stale_report_hours(database, DAY) == []
    store(database, [], [WHALE._replace(trade_id=99, event_time=START + 2 * MINUTE)])
    assert whale_reports.find_stale_report_hours(database, DAY) == [START]


@pytest.mark.parametrize(
    ("start", "end"),
    [(START, START), (START + MINUTE, START + HOUR), (START.replace(tzinfo=None), START), (START + HOUR, START)],
)
def test_hours_must_be_whole_and_in_utc(start: datetime, end: datetime) -> None:
    with pytest.raises(ValueError, match="hour"):
        HourRange(start, end)


def test_hours_count() -> None:
    assert DAY.count == 24
    assert HourRange(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 3, tzinfo=UTC)).count == 48
