"""Robots: takers of like size that come at regular times, found as a score with its chance of being none.

The times of one class of orders (market, side, size) are a mixture of ordinary ones, which come as a Poisson process
that may be faster and slower over the day, and perhaps of a robot's, each P seconds after the one before. Of every
order it is looked whether another follows P seconds later, give or take a jitter; a robot's orders nearly always have
one, others as often as their rate makes it. The likelihood ratio of the two is the score. What the rate makes is
measured on the same times, shuffled: each burst is moved by up to a period, which keeps the day's shape and ends all
regularity. Where orders are many, ordinary ones are taken for bursts, and moving them together leaves more room between
them than there was; so each order is moved by itself too, and the larger share counts. A chance is the binomial tail at
the shuffled share, times the number of periods that are tried.

Pure functions. Whoever looks at many classes must take a small chance: see MOST_CHANCE.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from statistics import pvariance
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PERIODS_S = (1, 5, 6, 10, 15, 30, 60, 300)
SECOND_US = 1_000_000
LEAST_ORDERS = 8
SHUFFLES = 60
MOST_CHANCE = 1e-6  # of a class: some ten thousand classes a day are looked at
MOST_SHARE = 0.5  # of orders that are followed by chance: above, a class is too busy for this period
LARGEST_MISS = 2  # periods that a robot may leave out and still be one row of orders


class RobotScore(NamedTuple):
    """The likeliest period of a class of orders.

    period_s: seconds; orders, first, last: the longest row of orders each a period after the one before, as indices
    into the times that were scored; followed: share of all orders that are followed; by_chance: the same of shuffled
    times; score: log likelihood ratio; chance: that no robot gives as much.
    """

    period_s: int
    orders: tuple[int, ...]
    followed: float
    by_chance: float
    score: float
    chance: float


def score_orders(times: Sequence[int], seed: int = 0) -> RobotScore | None:
    """Return the score of orders at `times` (microseconds, ascending) by the shortest period that can't be chance.

    None where there is none: what comes each P seconds also comes each 5 P, so the shortest one is meant.
    """
    scores = (_score_period(times, period_s, seed) for period_s in PERIODS_S)
    return next((score for score in scores if score is not None and score.chance <= MOST_CHANCE), None)


def _score_period(times: Sequence[int], period_s: int, seed: int) -> RobotScore | None:
    period, jitter, count = period_s * SECOND_US, _jitter(period_s), len(times)
    if count < LEAST_ORDERS or times[-1] - times[0] < (LEAST_ORDERS - 1) * period:
        return None
    column = np.asarray(times, np.int64)
    hits = _count_followed(column, period, jitter)
    rough = 1 - math.exp(-2 * jitter * count / (times[-1] - times[0]))
    if rough > MOST_SHARE or _tail(count, hits, rough) * len(PERIODS_S) > 0.01:
        return None  # most classes end here, at the cost of one pass
    dice = np.random.default_rng((seed, period_s, count))
    # Of each order the number of its burst, and as if each were one of its own.
    kinds = np.cumsum(np.diff(column, prepend=column[0]) > jitter, dtype=np.int64), np.arange(count, dtype=np.int64)
    worlds = [_count_shuffled(column, bursts, period, jitter, dice) for bursts in kinds]
    share = (max(map(sum, worlds)) + 1) / (SHUFFLES * count + 1)
    if share > MOST_SHARE or hits <= max(map(max, worlds)):
        return None
    spread = max(pvariance(counts) for counts in worlds)
    draws = max(1.0, spread / (count * share * (1 - share)))  # orders that come in bursts are fewer draws
    chance = min(1.0, _tail(math.ceil(count / draws), math.floor(hits / draws), share) * len(PERIODS_S))
    followed = hits / count
    score = hits * math.log(followed / share)
    if hits < count:
        score += (count - hits) * math.log((1 - followed) / (1 - share))
    return RobotScore(period_s, _find_row(times, period, jitter), followed, share, score, chance)


def _count_shuffled(
    times: NDArray[np.int64], bursts: NDArray[np.int64], period: int, jitter: int, dice: np.random.Generator
) -> list[int]:
    """How many are followed in SHUFFLES of these orders, of which those of a burst are moved together."""
    counts = []
    for _ in range(SHUFFLES):
        moves = dice.integers(-period, period, int(bursts[-1]) + 1)
        counts.append(_count_followed(np.sort(times + moves[bursts]), period, jitter))
    return counts


def _jitter(period_s: int) -> int:
    """A twentieth of a period, 3 s at most, in microseconds."""
    return min(period_s * SECOND_US // 20, 3 * SECOND_US)


def _count_followed(times: NDArray[np.int64], period: int, jitter: int) -> int:
    first = np.searchsorted(times, times + (period - jitter))
    there = first < len(times)
    return int((times[first[there]] <= times[there] + (period + jitter)).sum())


def _find_row(times: Sequence[int], period: int, jitter: int) -> tuple[int, ...]:
    """The longest row of orders of which each comes one period after the one before, or two or three of them."""
    best: list[tuple[int, int]] = []  # orders in the row that ends here, index of the one before
    for index, time in enumerate(times):
        longest, before = 1, -1
        for periods in range(1, LARGEST_MISS + 2):
            at = bisect_left(times, time - periods * period - jitter, 0, index)
            while at < index and times[at] <= time - periods * period + jitter:
                if best[at][0] + 1 > longest:
                    longest, before = best[at][0] + 1, at
                at += 1
        best.append((longest, before))
    row, index = list[int](), max(range(len(best)), key=lambda at: best[at][0], default=-1)
    while index >= 0:
        row.append(index)
        index = best[index][1]
    return tuple(reversed(row))


def _tail(count: int, hits: int, share: float) -> float:
    """The chance of `hits` or more among `count` draws of `share` each."""
    if hits <= 0:
        return 1.0
    logs = math.log(share), math.log1p(-share)
    term = math.lgamma(count + 1) - math.lgamma(hits + 1) - math.lgamma(count - hits + 1)
    term = math.exp(term + hits * logs[0] + (count - hits) * logs[1])
    total, odds = term, share / (1 - share)
    for number in range(hits, count):
        term *= (count - number) / (number + 1) * odds
        total += term
    return min(1.0, total)
