"""Clusters: large orders of one base and side on several exchanges within WINDOW, with their false-discovery rate.

Every order may be the first of a cluster. Its score adds up, over the other exchanges that follow within the window,
how unlikely it is that one of their orders comes so soon by chance: -log(1 - exp(-rate x delay)), where the rate is
that of the exchange's own orders of this base and side within five minutes. Where windows overlap, the higher score
stays. What chance alone gives is measured on the same orders with shuffled times: on each exchange every burst is moved
by up to a minute, which keeps how busy the minutes are and what belongs to one exchange, and ends what belongs
together. A chance (p) is the share of shuffled orders with such a score; a cluster is kept if its false-discovery rate
(q, by Benjamini and Hochberg over the orders of the hour) is MOST_FALSE at most: of hours without clusters one in
twenty has a false one. Pure functions: the same orders in any sequence, and the same seed, give the same clusters.
"""

import zlib
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from whale_platform.domain.market import MarketKind
from whale_platform.exchanges.market_kinds import group_by_kind
from whale_platform.exchanges.registry import find_market_kind
from whale_platform.lake.analysis.whale_orders import WhaleOrder

SECOND_US = 1_000_000
WINDOW_US = 2 * SECOND_US
MOVE_US = 60 * SECOND_US
NEAR_US = 300 * SECOND_US  # by which an exchange's rate is taken, before and after
RESOLUTION_US = SECOND_US // 20  # clocks of exchanges differ: what comes sooner is not less likely
SHUFFLES = 200
MOST_ORDERS = 5_000  # of a base and side; among more, two within a second are no news
MOST_AT_ONCE = 50_000  # orders of shuffled worlds in memory
MOST_FALSE = 0.05
Times = NDArray[np.int64]
Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OrderCluster:
    """Orders that belong together. members: by time; chance: p of its score; q: its false-discovery rate."""

    members: tuple[WhaleOrder, ...]
    score: float
    chance: float
    q: float

    @property
    def first(self) -> WhaleOrder:
        """The member by which the cluster is known."""
        return self.members[0]

    @property
    def exchanges(self) -> int:
        """On how many exchanges its members are."""
        return len({member.exchange for member in self.members})

    def sum_usd(self) -> dict[MarketKind, Decimal]:
        """Return the dollars of its members by market kind: those of different kinds are never added up."""
        kinds = group_by_kind(self.members)
        return {kind: sum((member.usd for member in some), Decimal(0)) for kind, some in kinds.items()}


@dataclass(frozen=True, slots=True)
class _Group:
    """Orders of one base and side by time; exchange: a number for each; dice: of its shuffles."""

    orders: list[WhaleOrder]
    times: Times
    exchange: NDArray[np.int64]
    dice: np.random.Generator


def find_clusters(
    orders: Sequence[WhaleOrder], start: int, end: int, seed: int = 0, most_false: float = MOST_FALSE
) -> list[OrderCluster]:
    """Return the clusters whose first member is in [start, end), microseconds UTC, by time.

    orders: also those of some minutes before and after, without which the edges would seem quieter than they are.
    What `find_busy` returns is not searched.
    """
    groups = _group_orders(orders, seed)
    found = [
        (score, int(group.times[index]), group)
        for group in groups
        for score, index in _pick(group.times, group.exchange)
        if start <= group.times[index] < end
    ]
    if not found:
        return []
    tests = sum(int(np.count_nonzero((group.times >= start) & (group.times < end))) for group in groups)
    shuffled, draws = list[float](), 0
    for group in groups:
        scores, count = _score_shuffled(group, start, end)
        shuffled += scores
        draws += count
    found.sort(key=lambda one: (-one[0], one[1], one[2].orders[0].base, one[2].orders[0].side))
    chances = estimate_chances([score for score, _, _ in found], shuffled, draws)
    rates = adjust_false_discoveries(chances, tests)
    clusters = [
        OrderCluster(_find_members(group, time), score, chance, q)
        for (score, time, group), chance, q in zip(found, chances, rates, strict=True)
        if q <= most_false
    ]
    return sorted(clusters, key=lambda cluster: (cluster.first.time, cluster.first))


def find_busy(orders: Sequence[WhaleOrder]) -> list[tuple[str, str]]:
    """Return the bases and sides with more than MOST_ORDERS, which are not searched for clusters."""
    return sorted(key for key, some in _split_groups(orders).items() if len(some) > MOST_ORDERS)


def estimate_chances(scores: Sequence[float], shuffled: Sequence[float], draws: int) -> list[float]:
    """Return the share of `draws` shuffled orders that score at least as much, never less than one of them."""
    null = np.sort(np.asarray(shuffled, dtype=np.float64))
    return [float((1 + len(null) - np.searchsorted(null, score)) / (1 + draws)) for score in scores]


def adjust_false_discoveries(chances: Sequence[float], tests: int) -> list[float]:
    """Return the false-discovery rate of each of the smallest `chances`, ascending, of so many tests in all."""
    rates, least = list[float](), 1.0
    for rank in range(len(chances), 0, -1):
        least = min(least, chances[rank - 1] * tests / rank)
        rates.append(least)
    return rates[::-1]


def _split_groups(orders: Sequence[WhaleOrder]) -> dict[tuple[str, str], list[WhaleOrder]]:
    groups: dict[tuple[str, str], list[WhaleOrder]] = defaultdict(list)
    for order in orders:
        if find_market_kind(order.exchange) not in ("block", "liquidation"):
            groups[order.base, order.side].append(order)
    return groups


def _group_orders(orders: Sequence[WhaleOrder], seed: int) -> list[_Group]:
    made = []
    for key, some in sorted(_split_groups(orders).items()):
        some.sort(key=lambda order: (order.time, order))
        names = sorted({order.exchange for order in some})
        if len(names) > 1 and len(some) <= MOST_ORDERS:
            times = np.array([order.time for order in some], dtype=np.int64)
            exchange = np.array([names.index(order.exchange) for order in some], dtype=np.int64)
            dice = np.random.default_rng([seed, zlib.crc32(" ".join(key).encode())])
            made.append(_Group(some, times, exchange, dice))
    return made


def _pick(times: Times, exchange: NDArray[np.int64]) -> list[tuple[float, int]]:
    """(score, index of the first member) of the clusters among all orders; their windows do not overlap.

    Those that begin in an hour are chosen from them afterwards: the order in which they are picked, and with it whose
    an order is, may not depend on where an hour ends.
    """
    scores = _score_orders(times, exchange)
    wanted = np.flatnonzero(scores > 0)
    candidates = sorted(zip((-scores[wanted]).tolist(), times[wanted].tolist(), wanted.tolist(), strict=True))
    picked, taken = list[tuple[float, int]](), list[int]()
    for negative, time, index in candidates:
        at = bisect_left(taken, time - WINDOW_US)
        if at == len(taken) or taken[at] > time + WINDOW_US:
            insort(taken, time)
            picked.append((-negative, index))
    return picked


def _score_orders(times: Times, exchange: NDArray[np.int64]) -> Scores:
    scores = np.zeros(len(times))
    for number in range(int(exchange.max()) + 1):
        theirs = times[exchange == number]
        near = np.searchsorted(theirs, times + NEAR_US, "right") - np.searchsorted(theirs, times - NEAR_US, "left")
        following = np.searchsorted(theirs, times, "left")
        delay = theirs[np.minimum(following, len(theirs) - 1)] - times
        follows = (exchange != number) & (following < len(theirs)) & (delay <= WINDOW_US)
        expected = near[follows] / (2 * NEAR_US) * np.maximum(delay[follows], RESOLUTION_US)
        scores[follows] -= np.log(-np.expm1(-expected))
    return scores


def _score_shuffled(group: _Group, start: int, end: int) -> tuple[list[float], int]:
    """Scores of the clusters that begin in [start, end) of SHUFFLES worlds, and how many orders are in it there."""
    scores, count = list[float](), 0
    at_once = max(1, MOST_AT_ONCE // len(group.times))
    for done in range(0, SHUFFLES, at_once):
        times, exchange, inside = _shuffle(group, min(at_once, SHUFFLES - done), start, end)
        scores += [score for score, index in _pick(times, exchange) if inside[index]]
        count += int(np.count_nonzero(inside))
    return scores, count


def _shuffle(group: _Group, worlds: int, start: int, end: int) -> tuple[Times, NDArray[np.int64], NDArray[np.bool_]]:
    """Times, exchanges and which are in [start, end) of so many worlds one after the other, far apart.

    In each of them every burst of one exchange is moved by itself.
    """
    moved = np.tile(group.times, (worlds, 1))
    for number in range(int(group.exchange.max()) + 1):
        mine = group.exchange == number
        theirs = group.times[mine]
        burst = np.concatenate(([0], np.cumsum(np.diff(theirs) > WINDOW_US)))
        moved[:, mine] += group.dice.integers(-MOVE_US, MOVE_US, (worlds, int(burst[-1]) + 1))[:, burst]
    inside = (moved >= start) & (moved < end)
    stride = int(group.times[-1] - group.times[0]) + 2 * (MOVE_US + NEAR_US)
    moved += (np.arange(worlds) * stride)[:, np.newaxis]
    order = np.argsort(moved, axis=None, kind="stable")
    return moved.ravel()[order], np.tile(group.exchange, worlds)[order], inside.ravel()[order]


def _find_members(group: _Group, time: int) -> tuple[WhaleOrder, ...]:
    first, last = np.searchsorted(group.times, time, "left"), np.searchsorted(group.times, time + WINDOW_US, "right")
    return tuple(group.orders[first:last])
