"""A threshold that differs by the hour of the week: every way of asking which amount holds gives the same one."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from whale_platform.audit.threshold_history import ThresholdHistory
from whale_platform.domain.hours_of_week import get_hour_of_week, name_hour_of_week
from whale_platform.domain.whale import (
    ALWAYS,
    ThresholdChange,
    TierLimits,
    build_threshold_periods,
    explain_hours_disorder,
    find_limits,
    list_limits,
    select_periods,
)
from whale_platform.stream.query.threshold_file import encode_history

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
HOUR, MINUTE, MICROSECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(microseconds=1)
DEFAULT = Decimal(50_000)
PLACES = [("binance", "BTCUSDT"), ("*", "BTCUSDT"), ("binance", "*"), ("*", "*")]
AMOUNTS = st.decimals(min_value="0.01", max_value=10**9, places=2, allow_nan=False, allow_infinity=False)
# often at the very beginning or end of an hour, and of the week
TIMES = st.builds(
    lambda hours, rest: MONDAY + hours * HOUR + rest,
    st.one_of(st.sampled_from([-168, -1, 0, 1, 168]), st.integers(-400, 400)),
    st.one_of(
        st.sampled_from([timedelta(), -MICROSECOND, MICROSECOND, 20 * MINUTE]),
        st.timedeltas(timedelta(), HOUR - MICROSECOND),
    ),
)
HOURS = st.one_of(
    st.none(),
    st.builds(
        lambda some, amount: [amount if hour in some else Decimal(hour + 1) for hour in range(168)],
        st.sets(st.integers(0, 167), max_size=3),
        st.one_of(st.none(), AMOUNTS),
    ),
)


@st.composite
def changes(draw: st.DrawFn) -> ThresholdChange:
    place, since = draw(st.sampled_from(PLACES)), draw(TIMES)
    if draw(st.integers(0, 4)) == 0:
        return ThresholdChange(*place, since, None)
    return ThresholdChange(*place, since, draw(AMOUNTS), None, draw(st.none() | AMOUNTS), draw(HOURS))


def find_by_hand(history: Sequence[ThresholdChange], time: datetime) -> TierLimits:
    """The truth, from the history alone: the newest change of the most specific place that has a threshold then."""
    for place in PLACES:
        past = [change for change in history if change[:2] == place and change.valid_from <= time]
        newest = max(past, key=lambda change: change.valid_from, default=None)
        if newest is not None and newest.usd is not None:
            own = newest.hours_usd[(time - MONDAY) // HOUR % 168] if newest.hours_usd else None
            usd = newest.usd if own is None else own
            giant = newest.giant_usd
            large = usd * 5 if giant is None else min(usd * 5, giant)
            return TierLimits(usd, large, usd * 20 if giant is None else giant)
    return TierLimits(DEFAULT, DEFAULT * 5, DEFAULT * 20)


def find_in_copy(history: Sequence[ThresholdChange], time: datetime) -> TierLimits:
    """What the stream finds in its copy: three amounts, or three of each hour of the week."""
    moment = (time - ALWAYS) // MICROSECOND
    copy = encode_history(build_threshold_periods(history, DEFAULT))
    held = [period["limits"] for period in copy if period["since"] <= moment][-1]
    found = next(held[":".join(place)] for place in PLACES if ":".join(place) in held)
    first = 3 * get_hour_of_week(time) if len(found) > 3 else 0
    return TierLimits(*map(Decimal, found[first : first + 3]))


@given(
    st.lists(changes(), max_size=5, unique_by=lambda change: (change[:2], change.valid_from)),
    TIMES,
    st.timedeltas(timedelta(), 30 * HOUR),
    st.timedeltas(timedelta(), 30 * HOUR),
)
@example([ThresholdChange(*PLACES[0], MONDAY, Decimal(1), hours_usd=[None] * 167 + [Decimal(9)])], MONDAY, HOUR, HOUR)
def test_live_audit_and_back_test_find_the_same_amounts(
    history: list[ThresholdChange], time: datetime, before: timedelta, after: timedelta
) -> None:
    truth, periods = find_by_hand(history, time), build_threshold_periods(history, DEFAULT)
    market = PLACES[0]
    assert find_limits(periods, *market, time) == truth
    assert find_in_copy(history, time) == truth
    start, end = time - before, time + after
    listed = list_limits(periods, *market, start, end)
    assert [limits for since, limits in listed if since <= time][-1] == truth
    assert [since for since, _ in listed] == sorted({since for since, _ in listed})
    known = ThresholdHistory(history, DEFAULT)
    assert truth.whale in known.find_possible(*market, time)
    floor = known.find_floor(*market, start, end + MICROSECOND)
    assert floor is not None and floor <= min(known.find_possible(*market, time))
    within = [limits.whale for since, limits in listed if limits is not None]
    least = [one.find_least(*market, start, end + MICROSECOND) for one in select_periods(periods, start, end)]
    assert min(usd for usd in least if usd is not None) <= min(within)


def test_the_week_begins_on_monday_in_utc_wherever_the_time_is_from() -> None:
    ends = MONDAY - MICROSECOND, MONDAY, MONDAY + 168 * HOUR - MICROSECOND, ALWAYS
    assert [get_hour_of_week(time) for time in ends] == [167, 0, 167, 72]
    assert get_hour_of_week(datetime(2026, 11, 23, 1, tzinfo=timezone(2 * HOUR))) == 167
    assert [name_hour_of_week(hour) for hour in (0, 38, 167)] == ["Mon 00:00", "Tue 14:00", "Sun 23:00"]


def test_an_hour_whose_amount_is_above_that_of_a_tier_is_named() -> None:
    hours = [*[None] * 38, Decimal(70_000), *[None] * 129]
    assert explain_hours_disorder(hours, None, None) is None, "large and giant follow from it"
    assert explain_hours_disorder(hours, None, Decimal(80_000)) is None, "large gives way to giant"
    problem = "Tue 14:00: 70,000 <= 60,000 <= 1,400,000 does not hold: a larger tier begins later"
    assert explain_hours_disorder(hours, Decimal(60_000), None) == problem
