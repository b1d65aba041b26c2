from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from whale_platform.domain.hours_of_week import get_hour_of_week
from whale_platform.domain.names import TRADE_WINDOWS, WHALE_ALERTS
from whale_platform.domain.whale import ALWAYS, build_threshold_periods, find_limits
from whale_platform.stores.asset_tables.thresholds import (
    read_held_thresholds,
    read_suggested,
    read_threshold_history,
    remove_threshold,
    set_threshold,
    suggest_thresholds,
)
from whale_platform.stores.errors import RowRejectedError
from whale_platform.stores.queries import recent
from whale_platform.stores.stream_tables.rows import MessageRef
from whale_platform.stores.stream_tables.sink_store import SinkStore, StoredOffset
from whale_platform_tests.stores.builders import START, WHALE, WINDOW, batch_of, read_thresholds
from whale_platform_tests.support.postgres_server import query


def test_empty_tables(database: str) -> None:
    assert recent.read_recent_rows(database, 5) == ([], [])


def test_the_newest_come_first_and_money_stays_exact(database: str) -> None:
    store = SinkStore(database)
    store.store_offsets({(TRADE_WINDOWS, 0): StoredOffset(0, "t", "c")}, [])
    batch = batch_of(
        *(WINDOW._replace(window_start=START + timedelta(minutes=n)) for n in range(3)),
        WINDOW._replace(symbol="ETHUSDT", window_start=START - timedelta(hours=1)),
    )
    for number in range(3):
        whale = WHALE._replace(trade_id=number, event_time=START + timedelta(minutes=number))
        batch.whales[whale.key] = (whale, MessageRef(WHALE_ALERTS, 0, number))
    store.write(batch)
    store.close()

    windows, whales = recent.read_recent_rows(database, 2)
    assert [(one.symbol, one.start) for one in windows] == [(WINDOW.symbol, START + timedelta(minutes=2))]
    assert str(windows[0].close) == WINDOW.close
    assert [(whale.time, whale.usd) for whale in whales] == [
        (START + timedelta(minutes=number), Decimal(WHALE.notional_usd)) for number in (2, 1)
    ]


def test_a_threshold_is_a_positive_number(database: str) -> None:
    for wrong in ("0", "-1", "NaN", "Infinity"):
        with pytest.raises(RowRejectedError, match="whale_thresholds_threshold_usd_check"):
            set_threshold(database, "binance", "*", Decimal(wrong))
    set_threshold(database, "binance", "BTCUSDT", Decimal("1E+5"))
    assert read_thresholds(database) == [("*", "*", Decimal(50_000)), ("binance", "BTCUSDT", Decimal(100_000))]


def test_suggestions_replace_suggestions_and_never_what_a_person_set(database: str) -> None:
    btc, eth, sol = ("binance", "BTCUSDT"), ("binance", "ETHUSDT"), ("binance", "SOLUSDT")
    set_threshold(database, *btc, Decimal(7))
    set_threshold(database, "*", "SOLUSDT", Decimal(8))
    wanted = {btc: Decimal(1), eth: Decimal("2E+4"), sol: Decimal(3)}
    assert suggest_thresholds(database, wanted) == [eth]
    assert read_thresholds(database) == [
        ("*", "*", Decimal(50_000)),
        ("*", "SOLUSDT", Decimal(8)),
        (*btc, Decimal(7)),
        (*eth, Decimal(20_000)),
    ]
    assert read_suggested(database) == {eth}
    assert suggest_thresholds(database, {("coinbase", "BTC-USD"): Decimal(5)}) == [("coinbase", "BTC-USD")]
    assert read_suggested(database) == {("coinbase", "BTC-USD")}


@pytest.mark.parametrize("place", [("binance", "ETHUSDT"), ("binance", "*"), ("*", "ETHUSDT"), ("*", "*")])
def test_what_a_person_sets_takes_the_place_of_the_suggestions_under_it(database: str, place: tuple[str, str]) -> None:
    suggest_thresholds(database, {("binance", "ETHUSDT"): Decimal(5), ("coinbase", "ADA-USD"): Decimal(6)})
    set_threshold(database, *place, Decimal(9))
    rows = {(exchange, symbol): usd for exchange, symbol, usd in read_thresholds(database)}
    assert rows[place] == 9
    assert ("binance", "ETHUSDT") not in read_suggested(database)
    assert read_suggested(database) == (set() if place == ("*", "*") else {("coinbase", "ADA-USD")})


def test_each_time_has_the_thresholds_that_held_then(database: str) -> None:
    """What a person sets, what is suggested, and what goes again, all leave what held before."""
    noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    default = Decimal(50_000)
    first = build_threshold_periods(read_threshold_history(database), Decimal(1))
    assert [(one.valid_from, dict(one.usd)) for one in first] == [(ALWAYS, {("*", "*"): default})], (
        "seeded for all times"
    )
    set_threshold(database, "binance", "BTCUSDT", Decimal(10), noon)
    set_threshold(database, "binance", "BTCUSDT", Decimal(20), noon + timedelta(hours=1))
    set_threshold(database, "binance", "BTCUSDT", Decimal(30), noon + timedelta(minutes=30))
    suggest_thresholds(database, {("binance", "ETHUSDT"): Decimal(5)})
    set_threshold(database, "*", "ETHUSDT", Decimal(7))
    found = build_threshold_periods(read_threshold_history(database), Decimal(1))

    def held(at: datetime, symbol: str) -> Decimal | None:
        limits = find_limits(found, "binance", symbol, at)
        return None if limits is None else limits.whale

    minutes = [noon + timedelta(minutes=number) for number in (-1, 0, 29, 30, 90)]
    assert [held(at, "BTCUSDT") for at in minutes] == [default, 10, 10, 30, 30], "what is set from a time on replaces"
    assert held(noon, "ETHUSDT") == default
    assert held(datetime.now(UTC) + timedelta(minutes=1), "ETHUSDT") == 7
    later = [period.usd for period in found if period.valid_from > noon + timedelta(hours=1)]
    assert [usd.get(("binance", "ETHUSDT")) for usd in later] == [5, None]


ETH = ("binance", "ETHUSDT")


def held_at(dsn: str, at: datetime, place: tuple[str, str] = ETH) -> Decimal | None:
    periods = build_threshold_periods(read_threshold_history(dsn), Decimal(1))
    limits = find_limits(periods, *place, at)
    return None if limits is None else limits.whale


def test_a_change_by_plain_sql_leaves_what_held_before(database: str) -> None:
    now, day = datetime.now(UTC), timedelta(days=1)
    set_threshold(database, *ETH, Decimal(10), now - 2 * day)
    query(database, "UPDATE whale_thresholds SET threshold_usd = 20 WHERE symbol = 'ETHUSDT'")
    assert [held_at(database, now + number * day) for number in (-1, 1)] == [10, 20]
    set_threshold(database, *ETH, Decimal(30), now - 2 * day)
    set_threshold(database, *ETH, Decimal(40), now - 2 * day)
    assert held_at(database, now - day) == 40, "a correction from the same time on"


def test_what_a_person_sets_in_the_past_holds_from_then_on_over_suggestions(database: str) -> None:
    now, day = datetime.now(UTC), timedelta(days=1)
    suggest_thresholds(database, {ETH: Decimal(300)})
    query(database, "UPDATE whale_thresholds SET valid_from = %s WHERE symbol = 'ETHUSDT'", now - 3 * day)
    set_threshold(database, "*", "ETHUSDT", Decimal(7), now - day)
    assert [held_at(database, now + number * day) for number in (-2, -0.5, 1)] == [300, 7, 7]


def test_a_threshold_that_is_deleted_before_it_holds_never_does(database: str) -> None:
    now, day = datetime.now(UTC), timedelta(days=1)
    set_threshold(database, *ETH, Decimal(7), now + day)
    query(database, "DELETE FROM whale_thresholds WHERE symbol = 'ETHUSDT'")
    assert held_at(database, now + 2 * day) == 50_000


def test_what_is_removed_held_until_then(database: str) -> None:
    now, day = datetime.now(UTC), timedelta(days=1)
    set_threshold(database, *ETH, Decimal(7), now - 3 * day)
    assert remove_threshold(database, *ETH, now - day)
    assert [held_at(database, now + number * day) for number in (-4, -2, -0.5, 1)] == [50_000, 7, 50_000, 50_000]
    assert not remove_threshold(database, *ETH)


def test_an_equal_suggestion_changes_nothing(database: str) -> None:
    for usd in (300, 300, 300, 400, 400):
        assert suggest_thresholds(database, {ETH: Decimal(usd)}) == [ETH]
    found = query(
        database, "SELECT threshold_usd FROM whale_threshold_history WHERE symbol = 'ETHUSDT' ORDER BY valid_from"
    )
    assert found == [(300,), (400,)]


def test_the_amounts_of_tiers_are_kept_and_have_a_history(database: str) -> None:
    now, day = datetime.now(UTC), timedelta(days=1)
    set_threshold(database, *ETH, Decimal(10), now - 3 * day, large=Decimal(30))
    set_threshold(database, *ETH, Decimal(10), now - 2 * day, large=Decimal(40), giant=Decimal("80.50"))
    query(database, "UPDATE whale_thresholds SET giant_usd = 90 WHERE symbol = 'ETHUSDT'")
    assert [*read_held_thresholds(database).limits_of(ETH)] == [10, 40, 90]
    periods = build_threshold_periods(read_threshold_history(database), Decimal(1))
    amounts = [[*(find_limits(periods, *ETH, now + number * day) or ())] for number in (-4, -2.5, -1, 1)]
    assert amounts == [[50_000, 250_000, 1_000_000], [10, 30, 200], [10, 40, Decimal("80.5")], [10, 40, 90]]
    for large, giant in ((Decimal(9), None), (Decimal(30), Decimal(29)), (None, Decimal(9))):
        with pytest.raises(RowRejectedError):
            set_threshold(database, *ETH, Decimal(10), large=large, giant=giant)
    set_threshold(database, *ETH, Decimal(10))
    now_held = read_held_thresholds(database).limits_of(ETH)
    assert [*now_held] == [10, 50, 200], "what is not set again follows from the threshold"


def test_the_amounts_of_hours_are_kept_and_have_a_history(database: str) -> None:
    """A week ago none, then those of a person, then by plain SQL; what is set without them has none."""
    now, week = datetime.now(UTC).replace(minute=30), timedelta(days=7)
    hour = get_hour_of_week(now)
    hours: list[Decimal | None] = [None] * 168
    hours[hour] = Decimal("20.50")
    set_threshold(database, *ETH, Decimal(10), now - 4 * week)
    stored = set_threshold(database, *ETH, Decimal(10), now - 3 * week, hours=hours)
    assert stored.change.hours_usd == hours
    assert str(list(stored.change.hours_usd or ())[hour]) == "20.5"
    query(database, f"UPDATE whale_thresholds SET hours_usd[{hour + 1}] = 30 WHERE symbol = 'ETHUSDT'")
    assert held_at(database, now - 4 * week) == 10
    assert held_at(database, now - 3 * week) == Decimal("20.5")
    assert held_at(database, now - 3 * week + timedelta(hours=1)) == 10
    assert held_at(database, now + week) == 30, "the change by SQL is in the history too"
    for amounts in ([Decimal(1)] * 167, [Decimal(0)] * 168, [Decimal("NaN")] * 168, [Decimal(31)] * 168):
        with pytest.raises(RowRejectedError):
            set_threshold(database, *ETH, Decimal(10), large=Decimal(30), hours=amounts)
        with pytest.raises(RowRejectedError):
            set_threshold(database, *ETH, Decimal(10), giant=Decimal(30), hours=amounts)
    set_threshold(database, *ETH, Decimal(10))
    assert [[*limits] for limits in read_held_thresholds(database).list_limits(ETH)] == [[10, 50, 200]]
