"""Planted robots among ordinary orders at several ratios of noise: what is found, what is not, and false alarms."""

import random

import pytest

from whale_platform.backtest.robots import MOST_CHANCE, PERIODS_S, score_orders

SECOND = 1_000_000


def come_at_random(dice: random.Random, rate: float, seconds: float) -> list[int]:
    """A Poisson process of `rate` a second."""
    times, time = [], dice.expovariate(rate)
    while time < seconds:
        times.append(int(time * SECOND))
        time += dice.expovariate(rate)
    return times


def come_in_bursts(dice: random.Random, rate: float, seconds: float) -> list[int]:
    """Each order brings some more within seconds."""
    times = []
    for time in come_at_random(dice, rate / 4, seconds):
        times += [time + int(dice.expovariate(0.2) * SECOND) for _ in range(1 + int(dice.expovariate(1 / 3)))]
    return sorted(times)


def plant(dice: random.Random, period_s: int, orders: int, seconds: float) -> list[int]:
    """Each period from some moment on, with a jitter of a hundredth of it, half a second at most."""
    start, jitter = dice.uniform(0, seconds - orders * period_s), min(0.01 * period_s, 0.5)
    return sorted(int((start + number * period_s + dice.gauss(0, jitter)) * SECOND) for number in range(orders))


def find(seed: int, period_s: int, noise: float) -> tuple[int | None, int]:
    """(the period that is found, how many of the planted orders its row has); `noise` ordinary orders a planted one."""
    dice, seconds = random.Random(seed), 4 * 3600 if period_s == 300 else 3600
    orders = 40 if period_s == 300 else 50
    planted = plant(dice, period_s, orders, seconds)
    times = sorted([*planted, *come_at_random(dice, noise * orders / seconds, seconds)])
    score = score_orders(times)
    if score is None:
        return None, 0
    return score.period_s, len({times[index] for index in score.orders} & set(planted))


@pytest.mark.parametrize("period_s", PERIODS_S)
def test_a_robot_among_as_many_ordinary_orders_is_found_with_its_period(period_s: int) -> None:
    found = [find(seed, period_s, noise=1) for seed in range(5)]
    assert [period for period, _ in found].count(period_s) >= 4
    assert all(period in (period_s, None) for period, _ in found), "the shortest period is meant"
    assert max(row for _, row in found) >= 30


@pytest.mark.parametrize(("period_s", "least"), [(1, 19), (5, 19), (6, 19), (10, 18), (15, 9), (30, 3)])
def test_a_robot_among_five_times_as_many_is_found_the_more_often_the_quicker_it_is(period_s: int, least: int) -> None:
    assert [find(seed, period_s, noise=5)[0] for seed in range(20)].count(period_s) >= least


def test_a_slow_robot_among_twenty_times_as_many_is_not_claimed() -> None:
    assert {find(seed, 60, noise=20)[0] for seed in range(5)} == {None}


def test_without_a_robot_a_day_of_classes_gives_no_alarm() -> None:
    alarms = []
    for seed in range(60):
        dice = random.Random(seed)
        rate = dice.choice([0.005, 0.02, 0.1, 0.5])
        alarms += [score_orders(come_at_random(dice, rate, 3600)), score_orders(come_in_bursts(dice, rate, 3600))]
    assert [alarm for alarm in alarms if alarm is not None] == []


def test_a_class_that_is_busy_for_a_while_gives_no_alarm() -> None:
    """Where orders of like size come so close that ordinary ones look like bursts."""
    alarms = []
    for seed in range(30):
        dice = random.Random(seed)
        quiet, busy = come_at_random(dice, 0.02, 3600), come_at_random(dice, 0.5, 1500)
        alarms.append(score_orders(sorted(quiet + [time + 900 * SECOND for time in busy])))
    assert alarms == [None] * 30


def test_the_times_of_a_robot_shuffled_are_none() -> None:
    dice = random.Random(1)
    planted = plant(dice, 10, 100, 3600)
    score = score_orders(planted)
    assert score is not None and score.period_s == 10 and score.chance <= MOST_CHANCE and score.score > 50
    for _ in range(30):
        moved = sorted(time + dice.randrange(-10 * SECOND, 10 * SECOND) for time in planted)
        assert score_orders(moved) is None


def test_few_orders_and_short_spans_have_no_score() -> None:
    assert score_orders([]) is None
    assert score_orders([number * SECOND for number in range(7)]) is None
    assert score_orders([5] * 100) is None
    assert score_orders(list(range(0, 200, 2))) is None


def test_a_row_bridges_orders_that_are_missing() -> None:
    planted = [number * 60 * SECOND for number in range(40) if number not in (7, 8, 20)]
    score = score_orders(planted)
    assert score is not None and (score.period_s, len(score.orders)) == (60, 37)
