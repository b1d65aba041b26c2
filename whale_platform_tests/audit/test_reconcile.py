"""Planted faults of every kind: each is found, counted, put on the right line and told in plain words."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from whale_platform.audit import render
from whale_platform.audit.reconcile import (
    LAKE,
    POSTGRES,
    WHALES,
    AuditLine,
    SystemCounts,
    ValueDifference,
    list_id_spans,
    reconcile_hours,
)
from whale_platform.domain.epochs import EPOCH
from whale_platform.domain.id_ranges import HeldIds, IdRanges
from whale_platform.domain.market import MarketHour
from whale_platform.stores.quality.audit_counts import HourlyTradeCount, LedgerGap

START = datetime(2026, 11, 21, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
BTC = ("binance", "BTCUSDT")
GAP = LedgerGap(*BTC, 40, 49, "exchange_gap", 0, "")


def key(hour: int) -> MarketHour:
    return (*BTC, START + hour * HOUR)


def held(*runs: tuple[int, int], doubled: int = 0, dense: bool = True, alone: IdRanges | None = None) -> HeldIds:
    return HeldIds(IdRanges(*runs), doubled, dense, alone or IdRanges())


def sums(*spans: tuple[int, int, int]) -> dict[MarketHour, HourlyTradeCount]:
    return {key(number): HourlyTradeCount(*span, "windows") for number, span in enumerate(spans)}


def both(*hours: HeldIds) -> dict[MarketHour, HeldIds]:
    return {key(number): one for number, one in enumerate(hours)}


# Three hours of ids 0-99, 100-199, 200-299, everywhere.
WHOLE = both(held((0, 99)), held((100, 199)), held((200, 299)))
SUMS = sums((100, 0, 99), (100, 100, 199), (100, 200, 299))
SOUND = SystemCounts(START, START + 3 * HOUR, START, WHOLE, START, SUMS, START, WHOLE, START)


def lines(places: SystemCounts) -> list[AuditLine]:
    return list(reconcile_hours(places).lines)


def told(places: SystemCounts) -> list[str]:
    """Words of each line."""
    return [render.describe_line(line) for line in lines(places)]


def but(whole: Mapping[MarketHour, HeldIds], hour: int, one: HeldIds) -> dict[MarketHour, HeldIds]:
    return {**whole, key(hour): one}


def test_three_places_that_agree_are_ok() -> None:
    found = reconcile_hours(SOUND)
    assert found.passed
    assert [(line.kafka, line.postgres, line.lake, line.verdict) for line in found.lines] == [(100, 100, 100, "ok")] * 3
    assert told(SOUND) == ["", "", ""]


def test_what_one_place_lacks_is_missing_there() -> None:
    short = but(WHOLE, 1, held((100, 149), (153, 199)))
    assert told(replace(SOUND, lake=short)) == ["", "missing in lake: 3", ""]
    assert told(replace(SOUND, kafka=short)) == ["", "missing in Kafka: 3", ""]
    less = {**SUMS, key(1): replace(SUMS[key(1)], trades=97)}
    assert told(replace(SOUND, postgres=less)) == ["", "missing in Postgres: 3", ""]
    gone = {at: one for at, one in WHOLE.items() if at != key(1)}
    assert told(replace(SOUND, lake=gone)) == ["", "missing in lake: 100", ""]
    without = {at: one for at, one in SUMS.items() if at != key(1)}
    assert told(replace(SOUND, postgres=without)) == ["", "missing in Postgres: 100", ""]
    assert {line.verdict for line in lines(replace(SOUND, lake=gone))} == {"ok", "wrong"}


def test_what_is_there_twice_is_doubled() -> None:
    twice = but(WHOLE, 1, held((100, 199), doubled=2))
    assert told(replace(SOUND, kafka=twice)) == ["", "doubled in Kafka: 2", ""]
    assert told(replace(SOUND, lake=twice)) == ["", "doubled in lake: 2", ""]
    more = {**SUMS, key(1): replace(SUMS[key(1)], trades=102)}
    assert told(replace(SOUND, postgres=more)) == ["", "doubled in Postgres: 2", ""]


def test_a_missing_and_a_doubled_id_do_not_make_up_for_each_other() -> None:
    both_wrong = {
        **SUMS,
        key(0): HourlyTradeCount(99, 0, 99, "windows"),
        key(2): HourlyTradeCount(101, 200, 299, "windows"),
    }
    found = reconcile_hours(replace(SOUND, postgres=both_wrong))
    assert told(replace(SOUND, postgres=both_wrong)) == ["missing in Postgres: 1", "", "doubled in Postgres: 1"]
    assert (render.sum_lines(found.lines).missing, render.sum_lines(found.lines).doubled) == (1, 1)


def test_an_id_in_two_hours_is_doubled_in_the_later() -> None:
    again = but(WHOLE, 2, held((150, 151), (200, 299)))
    found = told(replace(SOUND, lake=again))
    assert found == ["", "", "missing in Kafka: 2; missing in Postgres: 2; doubled in lake: 2"]


def test_a_hole_is_explained_by_the_ledger_or_not_at_all() -> None:
    holed = but(WHOLE, 0, held((0, 39), (50, 99)))
    places = replace(SOUND, kafka=holed, lake=holed, postgres={**SUMS, key(0): HourlyTradeCount(90, 0, 99, "windows")})
    assert told(places)[0] == "missing everywhere, unexplained: 10"
    for state, words, verdict in (
        ("exchange_gap", "the exchange's own gap: 10", "explained"),
        ("open", "missing, being repaired: 10", "wrong"),
        ("unrepaired", "missing, given up by the ledger: 10", "wrong"),
        ("repaired", "missing everywhere, unexplained: 10", "wrong"),
    ):
        line = lines(replace(places, gaps=[replace(GAP, state=state)]))[0]
        assert (render.describe_line(line), line.verdict) == (words, verdict)
    part = lines(replace(places, gaps=[replace(GAP, first_id=38, last_id=47)]))[0]
    assert (part.exchange_gap, part.unexplained, part.repaired) == (8, 2, 2)
    other = replace(places, gaps=[replace(GAP, symbol="ETHUSDT")])
    assert told(other)[0] == "missing everywhere, unexplained: 10"


def test_what_the_ledger_has_given_up_is_wrong_until_somebody_accepts_its_reason() -> None:
    holed = but(but(WHOLE, 0, held((0, 39), (50, 99))), 1, held((100, 149), (151, 199)))
    counted = {
        **SUMS,
        key(0): HourlyTradeCount(90, 0, 99, "windows"),
        key(1): HourlyTradeCount(99, 100, 199, "windows"),
    }
    gap = replace(GAP, state="unrepaired", detail="beyond the exchange's history: 40-49")
    found = reconcile_hours(replace(SOUND, kafka=holed, lake=holed, postgres=counted, gaps=[gap]))
    assert [line.verdict for line in found.lines] == ["wrong", "wrong", "ok"]
    accepted = found.accept_given_up()
    assert [line.verdict for line in accepted.lines] == ["explained", "wrong", "ok"], "nobody has explained 150"
    words = "missing, given up by the ledger: 10; reason: beyond the exchange's history: 40-49"
    assert render.describe_line(accepted.lines[0]) == words
    assert render.sum_lines(accepted.lines).missing == 10, "they are missing still"


def test_what_the_ledger_says_was_filled_is_no_exchange_gap_any_more() -> None:
    holed = but(WHOLE, 0, held((0, 39), (50, 99)))
    places = replace(SOUND, kafka=holed, lake=holed, postgres={**SUMS, key(0): HourlyTradeCount(90, 0, 99, "windows")})
    line = lines(replace(places, gaps=[replace(GAP, filled=4)]))[0]
    assert (line.exchange_gap, line.unexplained) == (6, 4)


def test_a_hole_at_the_turn_of_the_hour_is_the_next_hours() -> None:
    holed = but(but(WHOLE, 0, held((0, 95))), 1, held((103, 199)))
    counts = {**SUMS, key(0): HourlyTradeCount(96, 0, 95, "windows"), key(1): HourlyTradeCount(97, 103, 199, "windows")}
    places = replace(SOUND, kafka=holed, lake=holed, postgres=counts)
    assert told(places) == ["", "missing everywhere, unexplained: 7", ""]


def test_a_repaired_hole_is_told_and_fine() -> None:
    found = reconcile_hours(replace(SOUND, gaps=[replace(GAP, first_id=95, last_id=104, state="repaired", filled=10)]))
    assert [(line.repaired, line.verdict) for line in found.lines] == [(5, "explained"), (5, "explained"), (0, "ok")]
    assert found.passed


def test_where_the_exchanges_ids_began_anew_none_are_missing() -> None:
    new = EPOCH + 1
    anew = but(WHOLE, 2, held((new, new + 99)))
    counts = {**SUMS, key(2): HourlyTradeCount(100, new, new + 99, "windows")}
    jump = replace(GAP, first_id=200, last_id=EPOCH)
    places = replace(SOUND, kafka=anew, lake=anew, postgres=counts)
    assert told(replace(places, gaps=[jump])) == ["", "", ""]
    assert told(places)[2].startswith("missing everywhere, unexplained")


def test_symbols_whose_ids_are_not_dense_have_no_holes() -> None:
    sparse = {
        at: held((one.ids.first, one.ids.first), (one.ids.last, one.ids.last), dense=False) for at, one in WHOLE.items()
    }
    counts = {at: replace(one, trades=2) for at, one in SUMS.items()}
    assert told(replace(SOUND, kafka=sparse, lake=sparse, postgres=counts)) == ["", "", ""]


def test_kafka_that_does_not_reach_back_is_left_out() -> None:
    late = {at: one for at, one in WHOLE.items() if at == key(2)} | {key(1): held((180, 199))}
    found = lines(replace(SOUND, kafka=late, kafka_since=START + 1.5 * HOUR))
    assert [(line.kafka, line.lake, line.verdict) for line in found] == [
        (None, 100, "ok"),
        (None, 100, "ok"),
        (100, 100, "ok"),
    ]
    without = {at: one for at, one in SUMS.items() if at == key(2)}
    early = lines(replace(SOUND, kafka={}, kafka_since=None, postgres=without, postgres_since=START + 2 * HOUR))
    assert [(line.kafka, line.postgres) for line in early] == [(None, None), (None, None), (None, 100)]
    assert all(line.verdict == "ok" for line in early)


def test_a_young_topic_is_compared_from_its_first_id_on() -> None:
    short = but(WHOLE, 1, held((100, 149), (153, 199)))
    assert told(replace(SOUND, kafka=short, kafka_since=None)) == ["", "missing in Kafka: 3", ""]


def test_a_place_that_is_empty_lacks_everything_it_owes() -> None:
    assert told(replace(SOUND, lake={}, postgres={})) == ["missing in lake: 100; missing in Postgres: 100"] * 3
    assert told(replace(SOUND, kafka={})) == ["missing in Kafka: 100"] * 3
    assert told(replace(SOUND, lake={}, kafka={})) == ["missing in Kafka: 100; missing in lake: 100"] * 3
    older = replace(SOUND, home_start=START + 3 * HOUR)
    assert told(replace(older, postgres={}, lake={})) == ["missing in lake: 100; missing in Postgres: 100"] * 3
    assert told(replace(older, postgres={}, kafka={})) == ["missing in Postgres: 100"] * 3, (
        "Kafka's were another home's"
    )
    assert told(replace(older, lake={}, kafka={})) == ["", "", ""], "of which nobody can say who lost what"


def test_what_retention_lets_go_is_not_owed() -> None:
    gone = {at: one for at, one in SUMS.items() if at == key(2)}
    assert told(replace(SOUND, postgres=gone, postgres_since=START + 2 * HOUR)) == ["", "", ""]
    assert told(replace(SOUND, postgres=gone, postgres_since=START + HOUR))[1] == "missing in Postgres: 100"
    late = {at: one for at, one in WHOLE.items() if at == key(2)}
    assert told(replace(SOUND, lake=late, lake_since=START + 2 * HOUR)) == ["", "", ""]
    assert told(replace(SOUND, lake=late, lake_since=START + HOUR))[1] == "missing in lake: 100"


def test_what_only_postgres_counted_is_missing_in_the_lake() -> None:
    short = but(WHOLE, 1, held((100, 149), (153, 199)))
    expired = replace(SOUND, kafka={}, kafka_since=None, lake=short)
    assert told(expired) == ["", "missing in lake: 3", ""]
    edge = replace(expired, lake=but(WHOLE, 1, held((100, 196))))
    assert told(edge) == ["", "missing in lake: 3", ""], "a hole that ends in the next hour is told once"
    assert told(replace(expired, lake=but(WHOLE, 0, held((3, 99))))) == ["missing in lake: 3", "", ""]


def test_an_exchange_gap_is_no_room_for_what_postgres_counted_twice() -> None:
    holed = but(WHOLE, 0, held((0, 39), (50, 99)))
    counts = {**SUMS, key(0): HourlyTradeCount(92, 0, 99, "windows")}
    places = replace(SOUND, kafka=holed, lake=holed, postgres=counts, gaps=[GAP])
    assert told(places)[0] == "doubled in Postgres: 2; the exchange's own gap: 10"


def test_an_import_is_only_in_the_lake_and_no_hole_begins_beside_it() -> None:
    imported = held((0, 49), alone=IdRanges((0, 49)))
    places = replace(SOUND, lake=but(WHOLE, 0, imported), kafka={at: WHOLE[at] for at in (key(1), key(2))})
    places = replace(places, postgres={at: SUMS[at] for at in (key(1), key(2))}, kafka_since=None)
    assert told(places) == ["", "between an import and the rest: 50", ""]
    assert reconcile_hours(places).passed


def test_what_was_sent_just_now_may_still_lack_elsewhere() -> None:
    fresh = but(WHOLE, 0, held((0, 99), alone=IdRanges((40, 49))))
    late = replace(SOUND, kafka=fresh, lake=but(WHOLE, 0, held((0, 39), (50, 99))))
    assert told(late) == ["", "", ""]
    assert told(replace(late, postgres={**SUMS, key(0): HourlyTradeCount(90, 0, 99, "windows")})) == ["", "", ""]
    assert (
        told(replace(late, postgres={**SUMS, key(0): HourlyTradeCount(89, 0, 99, "windows")}))[0]
        == "missing in Postgres: 1"
    )


def test_what_a_place_has_not_got_to_is_not_missing_but_nothing_is_proven() -> None:
    short = but(WHOLE, 2, held((200, 279)))
    waiting = {key(2): {LAKE: IdRanges((280, 299)), POSTGRES: IdRanges((250, 320))}}
    behind = replace(SOUND, lake=short, ids_in_transit=waiting)
    found = reconcile_hours(behind)
    assert [(render.describe_line(line), line.verdict) for line in found.lines] == [
        ("", "ok"),
        ("", "ok"),
        ("not yet in lake: 20", "not yet"),
    ]
    assert (found.passed, found.verdict, render.sum_lines(found.lines).not_yet) == (False, "not yet", 20)
    assert told(replace(behind, lake=but(WHOLE, 2, held((200, 269)))))[2] == "missing in lake: 10; not yet in lake: 20"
    less = {**SUMS, key(2): HourlyTradeCount(60, 200, 259, "windows")}
    assert told(replace(behind, lake=WHOLE, postgres=less))[2] == "not yet in Postgres: 40"
    less = {**SUMS, key(2): HourlyTradeCount(45, 200, 244, "windows")}
    assert told(replace(behind, lake=WHOLE, postgres=less))[2] == "missing in Postgres: 5; not yet in Postgres: 50"
    assert lines(replace(SOUND, not_yet={key(1): {WHALES: 2}}))[1].verdict == "not yet"
    assert reconcile_hours(replace(behind, lake=but(short, 0, held((0, 98))))).verdict == "wrong"


def test_an_id_that_is_outside_by_its_time_is_no_hole_at_the_edge() -> None:
    """Times and ids are not in the same order: 299 came just before the end, 298 just after it."""
    edge = but(but(WHOLE, 2, held((200, 297), (299, 299))), 0, held((0, 0), (2, 99)))
    counts = {**SUMS, key(2): HourlyTradeCount(99, 200, 299, "windows"), key(0): HourlyTradeCount(99, 0, 99, "windows")}
    places = replace(SOUND, kafka=edge, lake=edge, postgres=counts)
    assert told(replace(places, ids_outside_range={BTC: IdRanges((1, 1), (298, 298))})) == ["", "", ""]
    assert told(places)[2] == "missing everywhere, unexplained: 1"


def test_spans_are_what_any_place_has() -> None:
    wider = {key(2): HourlyTradeCount(100, 190, 310, "rollup")}
    assert list_id_spans(replace(SOUND, kafka={}, postgres=wider)) == {BTC: (0, 310)}


def test_values_that_differ_are_wrong_where_they_are_also_in_an_hour_that_nothing_counts() -> None:
    different = {key(1): (ValueDifference("volume", 4, "10:05: 1 in Postgres, 2 in the lake"),)}
    found = reconcile_hours(replace(SOUND, differences=different))
    assert told(replace(SOUND, differences=different)) == ["", "volume: 4 (10:05: 1 in Postgres, 2 in the lake)", ""]
    assert (found.passed, render.sum_lines(found.lines).different) == (False, 4)
    assert render.render_json(found)["lines"][1]["differences"][0]["count"] == 4
    lone: MarketHour = ("binance", "ANYUSDT", START)
    assert lines(replace(SOUND, differences={lone: different[key(1)]}))[0].symbol == "ANYUSDT"
