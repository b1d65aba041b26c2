"""Size bands in the audit: what is late on a real broker, database and lake, and what mends it."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from whale_platform.audit import collect
from whale_platform.audit.compare_bands import DUE_AFTER, BandHour, BandMinute, compare_bands, find_due
from whale_platform.audit.compare_values import DifferenceCollector
from whale_platform.domain.size_bands import MarketBands
from whale_platform.lake.delta.table import HOUR
from whale_platform.repair import band_rows
from whale_platform.stores.asset_tables.materialisation import HourRange
from whale_platform_tests.audit.sound_place import BTC, ETH, HOURS, MINUTE, TWICE, Place
from whale_platform_tests.lake.builders import START, lay
from whale_platform_tests.stores.asset_tables.test_materialisation import MAKER
from whale_platform_tests.support.kafka_server import KafkaServer
from whale_platform_tests.support.postgres_server import database, empty_database, postgres_server, query

__all__ = ["database", "empty_database", "postgres_server"]


def go_on_until(place: Place, now: datetime) -> None:
    """The time is `now`, and passes have gone on until then, with trades of another market."""
    place.now = now
    query(
        place.dsn,
        "INSERT INTO size_bands SELECT exchange, 'LATER', at, trades, unvalued_trades, buy_usd, sell_usd, "
        "buy_orders, sell_orders, run_id, code_version, at "
        "FROM generate_series(%s, %s, interval '10 minutes') AS at, (SELECT * FROM size_bands LIMIT 1) AS one",
        now - DUE_AFTER,
        now,
    )


def forget_bands(place: Place, from_hour: int, minute: int = 0) -> None:
    """Nothing was computed from that minute on."""
    for name in ("size_bands", "size_band_minutes"):
        first = place.start + from_hour * HOUR + minute * MINUTE
        query(place.dsn, f"DELETE FROM {name} WHERE window_start >= %s", first)


def list_not_yet(place: Place, later: timedelta = timedelta(0)) -> dict[tuple[str, int], dict[str, int]]:
    """What has not arrived, by symbol and number of the hour, of an audit so much later."""
    end = place.start + HOURS * HOUR
    found = collect.run_audit(place.settings, place.start, end, place.now + later, place.start - HOUR)
    return {(line.symbol, (line.hour - place.start) // HOUR): line.not_yet for line in found.lines if line.not_yet}


def test_what_is_not_computed_yet_is_late_and_then_wrong_and_is_mended(
    kafka: KafkaServer, database: str, tmp_path: Path
) -> None:
    place = Place(tmp_path, kafka, database)
    place.fill()
    assert (place.verdict(), list_not_yet(place)) == ("ok", {})
    # 1. the last pass was at the last hour's 40th minute; one of the twenty after it has no trade
    forget_bands(place, from_hour=2, minute=40)
    assert place.audit() == {} and place.verdict() == "not yet"
    assert list_not_yet(place) == {(symbol, 2): {"size_bands": 19} for symbol in (BTC, ETH)}
    # 2. a fault where it had passed is one all the same
    place.bands(TWICE)
    assert [*place.audit()] == [(BTC, 1)]
    # 3. while none goes on it stays late, and afterwards until one must have come to it
    place.now += DUE_AFTER + timedelta(minutes=30)
    assert "bands missing" not in str(place.audit())
    go_on_until(place, place.now)
    told = place.audit()
    assert "bands missing: 19" in told[BTC, 2] and "bands missing: 19" in told[ETH, 2], told
    # 4. computed again, as `whale lake recompute` and the asset do, all of it is right
    hours = HourRange(place.start, place.start + HOURS * HOUR)
    band_rows.store_whole_hours(place.lake, database, hours, MAKER)
    assert (place.audit(), place.verdict()) == ({}, "ok")
    # 5. so is what the next pass of the repair service computes
    forget_bands(place, from_hour=0)
    assert band_rows.refresh_bands(place.lake, database, None, 7, MAKER) == ([], {})
    assert (place.audit(), place.verdict()) == ({}, "ok")


def test_bands_of_other_trades_than_the_lake_has_now_are_late(
    kafka: KafkaServer, database: str, tmp_path: Path
) -> None:
    place = Place(tmp_path, kafka, database)
    late = place.one(BTC, 1, 50)
    place.fill_kafka(place.trades.values())
    place.fill_lake(place.without(late))
    place.fill_postgres(place.without(late))
    lay(place.lake, [late], first_offset=len(place.trades))
    assert list_not_yet(place) == {(BTC, 1): {"size_bands": 1}}
    assert "bands trades" not in place.audit()[BTC, 1], "its window lacks the trade, and that is wrong"
    go_on_until(place, place.now + DUE_AFTER + MINUTE)
    assert "bands trades: 1 (" in place.audit()[BTC, 1]


Found = tuple[list[str], dict[str, int]]  # kinds of differences, and how many minutes are late
ONE, TWO = [Decimal(1)], [Decimal(2)]
BANDS = MarketBands("x", "BTC", START, 2, 0, ONE, TWO, [1], [1])
OTHER = BANDS._replace(trades=3, sell_usd=ONE)
CURRENT = BandMinute(2, 2, changed_at=START, made_at=START + MINUTE)
LATE: Found = ([], {"size_bands": 1})
WRONG: Found = (["bands trades", "bands sell_usd"], {})
MISSING: Found = (["bands missing"], {})
NEVER = replace(CURRENT, made_of=0, made_at=None)
HOUR_OF_BANDS = BandHour(START, {}, {}, {}, owed=True, due=START - MINUTE, lost=())


def compare(
    table: MarketBands | None,
    minute: BandMinute = CURRENT,
    hour: BandHour = HOUR_OF_BANDS,
    lake: MarketBands | None = BANDS,
) -> Found:
    differences = DifferenceCollector()
    there, stored = ({one[:3]: one} if one is not None else {} for one in (lake, table))
    compare_bands(replace(hour, lake=there, table=stored, minutes={START: minute}), differences)
    key = ("x", "BTC", START)
    return [one.kind for one in differences.group_by_market_hour().get(key, ())], differences.not_yet.get(key, {})


def test_a_minute_is_judged_where_its_bands_were_made_of_what_the_lake_has() -> None:
    assert compare(BANDS) == ([], {})
    assert compare(OTHER) == WRONG
    assert compare(OTHER, replace(CURRENT, made_of=1)) == LATE
    assert compare(OTHER, replace(CURRENT, changed_at=START + 2 * MINUTE)) == LATE, "as many rows, and others"
    assert compare(None, NEVER) == LATE
    assert compare(None, replace(CURRENT, made_at=None)) == MISSING, "on record as computed"


def test_a_minute_is_overdue_once_no_pass_can_still_come() -> None:
    due = replace(HOUR_OF_BANDS, due=START)
    assert compare(OTHER, replace(CURRENT, made_of=1), due) == WRONG
    assert compare(None, NEVER, due) == MISSING


def test_nothing_is_due_while_passes_pause() -> None:
    now = START + 10 * DUE_AFTER
    each = [now - number * timedelta(minutes=10) for number in range(20)]
    assert find_due(now, each) == now - DUE_AFTER
    assert find_due(now, each[2:]) is None, "for twenty minutes"
    assert find_due(now, [*each[:5], *each[7:]]) is None, "it was stopped for a while"
    assert find_due(now, each[:8]) is None, "it has begun since then"


def test_of_an_hour_that_is_not_computed_any_more_only_what_is_there_is_judged() -> None:
    old = replace(HOUR_OF_BANDS, owed=False, due=START)
    assert compare(None, NEVER, old) == ([], {})
    assert compare(OTHER, replace(CURRENT, made_of=1), old) == WRONG
    assert compare(OTHER, CURRENT, old) == WRONG


def test_a_market_that_the_lake_has_lost_is_told_by_its_trades() -> None:
    gone = replace(CURRENT, lake_rows=0, changed_at=None)
    assert compare(BANDS, gone, replace(HOUR_OF_BANDS, lost={("x", "BTC")}), lake=None) == ([], {})
    assert compare(BANDS, gone, lake=None) == (["bands too many"], {})
