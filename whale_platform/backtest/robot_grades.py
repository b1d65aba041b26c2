"""Robots and clusters against truth: what the simulator has planted, and takers whom an exchange names.

Robots are looked for with the takers hidden. Where takers are named, a true robot is one that the orders of a single
taker show by themselves. A found robot is right if more than half of its orders are of one taker, or of one planted
robot; a true one is found if a right one has half of its orders. Noise is counted: the other orders of like quantity,
market and side in its stretch, for each order of its own.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from whale_platform.backtest.clusters import OrderCluster
from whale_platform.backtest.grade_counts import GradeCounts, GradeLine
from whale_platform.backtest.robot_search import search_orders
from whale_platform.backtest.robots import LEAST_ORDERS
from whale_platform.lake.analysis.taker_orders import TakerOrder
from whale_platform.simulator.play.planted_orders import LIKE, PlantedTrade

ROBOTS, CLUSTERS = "robots", "clusters"
SIZES_USD = (1_000, 5_000, 25_000)
NOISES = (0.0, 0.5, 2.0, 8.0)
PLANTED, PARTIES = "planted", "named takers"
OrderKey = tuple[str, str, int]  # exchange, symbol, trade id of the first fill


@dataclass(frozen=True, slots=True)
class PlantedTruth:
    """Planted orders. groups: name of the robot or cluster by order; periods: of robots by name; markets: with any."""

    groups: Mapping[OrderKey, str]
    periods: Mapping[str, int | None]
    markets: frozenset[tuple[str, str]]


def build_truth(planted: Iterable[PlantedTrade], cluster: bool) -> PlantedTruth:
    """Return the truth about clusters, or about robots."""
    chosen = [one for one in planted if (one.kind == "cluster") == cluster]
    return PlantedTruth(
        {(one.exchange, one.symbol, one.trade_id): one.group for one in chosen},
        {one.group: one.period_s for one in chosen},
        frozenset((one.exchange, one.symbol) for one in chosen),
    )


def grade_robots(orders: Sequence[TakerOrder], periods_s: Sequence[int], planted: PlantedTruth) -> Iterator[GradeLine]:
    """Yield the counts of a market and side in a stretch of time, of which only these periods are looked for.

    None where neither a planted robot nor a named taker is in it.
    """
    market = orders[0][:2]
    if market in planted.markets:
        labels = [planted.groups.get((*market, order.first_id)) for order in orders]
        true = [
            row
            for name, row in _group_by_label(orders, labels).items()
            if planted.periods[name] in periods_s and len(row) >= LEAST_ORDERS
        ]
        truth = PLANTED
    elif any(order.taker for order in orders):
        labels, truth = [order.taker for order in orders], PARTIES
        true = [
            row
            for some in _group_by_label(orders, labels).values()
            for score, row in search_orders(some)
            if score.period_s in periods_s
        ]
    else:
        return
    found = [row for score, row in search_orders(orders) if score.period_s in periods_s]
    label_of = {order.first_id: label for order, label in zip(orders, labels, strict=True)}
    right = [row for row in found if _is_right(row, label_of)]
    counted = [(row, GradeCounts(actual=1, recalled=int(_is_recalled(row, right)))) for row in true]
    counted += [(row, GradeCounts(found=1, correct=int(row in right))) for row in found]
    for row, counts in counted:
        usd = median(order.usd for order in row)
        yield GradeLine(ROBOTS, truth, f"noise {name_band(count_noise(row, orders), NOISES)}", counts)
        yield GradeLine(ROBOTS, truth, f"orders of {name_band(usd, SIZES_USD, '$')}", counts)


def grade_clusters(clusters: Sequence[OrderCluster], planted: PlantedTruth) -> Iterator[GradeLine]:
    """Yield the counts of the clusters by how many orders they have.

    A right one has two members of one planted cluster at least, which are half of its members; a planted one is found
    if a right one has half of its orders.
    """
    sizes = Counter(planted.groups.values())
    most = [_find_most(cluster, planted) for cluster in clusters]
    right = [count > 1 and count * 2 >= len(one.members) for one, (_, count) in zip(clusters, most, strict=True)]
    recalled = {name for (name, count), hit in zip(most, right, strict=True) if hit and count * 2 >= sizes[name]}
    for name, size in sizes.items():
        if size > 1:  # of the others no second order was sent
            counts = GradeCounts(actual=1, recalled=int(name in recalled))
            yield GradeLine(CLUSTERS, PLANTED, f"{size} orders", counts)
    for cluster, hit in zip(clusters, right, strict=True):
        counts = GradeCounts(found=1, correct=int(hit))
        yield GradeLine(CLUSTERS, PLANTED, f"{len(cluster.members)} orders", counts)


def _find_most(cluster: OrderCluster, planted: PlantedTruth) -> tuple[str, int]:
    """The planted cluster that most members are of, and how many; no name and 0 where none is planted."""
    keys = ((one.exchange, one.symbol, one.trade_id) for one in cluster.members)
    names = Counter(planted.groups[key] for key in keys if key in planted.groups)
    return names.most_common(1)[0] if names else ("", 0)


def count_noise(row: Sequence[TakerOrder], orders: Sequence[TakerOrder]) -> float:
    """Return how many other orders of like quantity there are for each order of a row, while it lasts."""
    mine, quantity = {order.first_id for order in row}, median(order.quantity for order in row)
    others = sum(
        row[0].time <= order.time <= row[-1].time
        and quantity / LIKE <= order.quantity <= quantity * LIKE
        and order.first_id not in mine
        for order in orders
    )
    return others / len(row)


def name_band(value: float, edges: Sequence[float], sign: str = "") -> str:
    """Return the band of a value by its lower edges, the first of which takes what is below it too."""
    at = max(0, sum(value >= edge for edge in edges) - 1)
    if at + 1 == len(edges):
        return f"{sign}{edges[at]:,g} and more"
    return f"{sign}{edges[at]:,g} to {edges[at + 1]:,g}"


def _group_by_label(orders: Sequence[TakerOrder], labels: Sequence[str | None]) -> dict[str, list[TakerOrder]]:
    groups: dict[str, list[TakerOrder]] = defaultdict(list)
    for order, label in zip(orders, labels, strict=True):
        if label is not None:
            groups[label].append(order)
    return groups


def _is_right(row: Sequence[TakerOrder], label_of: Mapping[int, str | None]) -> bool:
    counts = Counter(label for order in row if (label := label_of[order.first_id]) is not None)
    return max(counts.values(), default=0) * 2 > len(row)


def _is_recalled(true: Sequence[TakerOrder], right: Sequence[Sequence[TakerOrder]]) -> bool:
    mine = {order.first_id for order in true}
    return any(len(mine.intersection(order.first_id for order in row)) * 2 >= len(mine) for row in right)
