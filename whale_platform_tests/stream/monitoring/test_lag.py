"""What a query is behind, in trades and seconds, from samples of where the topic ended."""

from hypothesis import given
from hypothesis import strategies as st

from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.stream.monitoring.lag import (
    UNKNOWN_LAG,
    EmitRate,
    OffsetArrivals,
    QueryLag,
    find_largest_lag,
    measure_lag,
)
from whale_platform.stream.monitoring.positions import TopicProbe


def never(part: int, offset: int) -> float | None:
    raise AssertionError("every trade came within the samples")


def sampled(*samples: tuple[float, dict[int, int]]) -> OffsetArrivals:
    arrivals = OffsetArrivals()
    for now, ends in samples:
        arrivals.record(now, ends)
    return arrivals


def test_nothing_is_behind_when_all_is_out() -> None:
    arrivals = sampled((0, {0: 5, 1: 7}))
    assert measure_lag(9, {0: 5, 1: 7}, {0: 5, 1: 7}, arrivals, never) == QueryLag(0, 0.0)


def test_a_query_that_stands_still_gets_older_by_a_second_each_second() -> None:
    """As at a checkpoint, where nobody polls: the gauge of the consumers said 0 all the while."""
    arrivals = sampled((0, {0: 0}), (1, {0: 100}))
    ages = []
    for second in range(2, 15):
        arrivals.record(second, {0: second * 100})
        ages.append(measure_lag(second, {0: second * 100}, {0: 100}, arrivals, never))
    assert [one.trades for one in ages] == [(second - 1) * 100 for second in range(2, 15)]
    assert [one.seconds for one in ages] == [second - 1 for second in range(2, 15)]


def test_the_oldest_trade_of_any_partition_counts() -> None:
    arrivals = sampled((0, {0: 0, 1: 0}), (1, {0: 10, 1: 0}), (2, {0: 10, 1: 4}))
    assert measure_lag(3, {0: 10, 1: 4}, {0: 5, 1: 0}, arrivals, never) == QueryLag(9, 2.5)


def test_a_trade_after_a_silence_is_no_older_than_the_last_look() -> None:
    arrivals = sampled(*[(float(second), {0: 10}) for second in range(60)], (60.0, {0: 11}))
    assert measure_lag(60, {0: 11}, {0: 10}, arrivals, never) == QueryLag(1, 1.0)
    assert measure_lag(60, {0: 11}, {0: 9}, arrivals, lambda part, offset: 500.0) == QueryLag(2, 500.0)


def test_what_came_before_the_samples_is_as_old_as_its_message_says() -> None:
    arrivals = sampled((0, {0: 100}))
    assert measure_lag(1, {0: 100}, {0: 40}, arrivals, lambda part, offset: 3_600.0) == QueryLag(60, 3_600.0)
    assert measure_lag(1, {0: 100}, {0: 40}, arrivals, lambda part, offset: None) == QueryLag(60, None)


def test_what_is_unknown_is_not_nothing() -> None:
    assert find_largest_lag({"windows": QueryLag(7, 2.0), "whales": UNKNOWN_LAG}) == QueryLag(7, 2.0)
    assert find_largest_lag({"windows": UNKNOWN_LAG, "whales": UNKNOWN_LAG}) == UNKNOWN_LAG
    assert find_largest_lag({"windows": QueryLag(7, 2.0), "whales": QueryLag(3, 4.0)}) == QueryLag(7, 4.0)


@given(st.lists(st.integers(0, 50), min_size=2, max_size=200), st.data())
def test_no_trade_is_said_to_be_younger_than_it_is(growth: list[int], data: st.DataObject) -> None:
    """Each trade comes between two samples; the age said is at least that of the later and at most of the earlier."""
    arrivals, end, came = OffsetArrivals(), 0, []
    arrivals.record(0, {0: 0})
    for second, more in enumerate(growth, start=1):
        end += more
        came += [second] * more
        arrivals.record(second, {0: end})
    if end:
        offset = data.draw(st.integers(0, end - 1))
        found = measure_lag(len(growth), {0: end}, {0: offset}, arrivals, never)
        assert found.trades == end - offset and found.seconds is not None
        assert 0 <= found.seconds - (len(growth) - came[offset]) <= 1


def test_the_rate_is_of_the_last_half_minute() -> None:
    rate = EmitRate()
    assert rate.update(0, 0) is None
    assert [rate.update(second, second * 10) for second in range(1, 100)] == [10.0] * 99
    assert rate.update(130, 990) == 0.0
    assert rate.update(131, 5) is None, "begun anew"


def test_an_offset_that_can_t_be_assigned_is_unknown_and_ends_nothing() -> None:
    probe = TopicProbe(KafkaCluster("127.0.0.1:1"), "run")
    assert probe.trade_age_s(0, -5) is None
    probe.close()
