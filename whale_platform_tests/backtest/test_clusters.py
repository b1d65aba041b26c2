"""Clusters of orders: what may never be one, what must be one, and how many false ones shuffled worlds give."""

import random
import tracemalloc
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whale_platform.backtest.clusters import (
    MOST_FALSE,
    MOST_ORDERS,
    WINDOW_US,
    OrderCluster,
    adjust_false_discoveries,
    estimate_chances,
    find_busy,
    find_clusters,
)
from whale_platform.lake.analysis.whale_orders import WhaleOrder

SECOND = 1_000_000
HOUR = 3600 * SECOND
EXCHANGES = ("binance", "coinbase", "hyperliquid")


def make_order(exchange: str, time: float, number: int, base: str = "BTC", side: str = "buy") -> WhaleOrder:
    return WhaleOrder(exchange, f"{base}USD", "sweep", number, base, side, int(time * SECOND), Decimal(60_000 + number))


def make_world(seed: int, an_hour: float = 60, clusters: int = 0, bursts: bool = False) -> list[WhaleOrder]:
    """An hour of ordinary orders of two bases and sides, in bursts by exchange or not, and of planted clusters."""
    dice, orders = random.Random(seed), list[WhaleOrder]()
    for base in ("BTC", "ETH"):
        for side in ("buy", "sell"):
            for exchange in EXCHANGES:
                time = dice.expovariate(an_hour / 3600)
                while time < 3600:
                    for after in range(dice.choice((1, 1, 4)) if bursts else 1):
                        orders.append(make_order(exchange, time + after * 0.2, len(orders), base, side))
                    time += dice.expovariate(an_hour / 3600)
    for _ in range(clusters):
        time = dice.uniform(10, 3590)
        for exchange in dice.sample(EXCHANGES, dice.choice((2, 3))):
            orders.append(make_order(exchange, time + dice.uniform(0, 0.3), 1_000_000 + len(orders)))
    return orders


def find(orders: Sequence[WhaleOrder]) -> list[OrderCluster]:
    return find_clusters(orders, 0, HOUR)


def is_planted(order: WhaleOrder) -> bool:
    return order.trade_id >= 1_000_000


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.floats(1, 120), st.integers(0, 6))
def test_a_cluster_has_one_base_and_side_several_exchanges_and_fits_the_window(
    seed: int, an_hour: float, clusters: int
) -> None:
    found = find_clusters(make_world(seed, an_hour, clusters), 0, HOUR, most_false=1.0)
    members = [member for cluster in found for member in cluster.members]
    assert len(members) == len(set(members)), "an order is of one cluster"
    for cluster in found:
        assert len({(member.base, member.side) for member in cluster.members}) == 1
        assert cluster.exchanges > 1 and cluster.first == min(cluster.members, key=lambda one: (one.time, one))
        assert cluster.members[-1].time - cluster.first.time <= WINDOW_US
        assert 0 < cluster.chance <= cluster.q <= 1


@settings(max_examples=10)
@given(st.randoms(use_true_random=False))
def test_the_sequence_of_orders_does_not_matter(dice: random.Random) -> None:
    orders = make_world(3, 20, clusters=5)
    shuffled = dice.sample(orders, len(orders))
    assert find(shuffled) == find(orders) != []


def test_orders_beyond_the_window_of_other_sides_or_bases_are_no_cluster() -> None:
    quiet = [make_order("binance", time, time) for time in range(0, 3600, 600)]

    def with_second(exchange: str, after: float, base: str = "BTC", side: str = "buy") -> list[OrderCluster]:
        return find([*quiet, make_order(exchange, 1200 + after, 9, base, side)])

    [cluster] = with_second("coinbase", 0.3)
    assert [(member.exchange, member.time // SECOND) for member in cluster.members] == [
        ("binance", 1200),
        ("coinbase", 1200),
    ]
    assert with_second("coinbase", 2.01) == with_second("coinbase", 0.3, side="sell") == []
    assert with_second("coinbase", 0.3, base="ETH") == with_second("binance", 0.3) == []


def test_a_perpetual_may_be_a_member_and_its_dollars_stand_apart() -> None:
    orders = [*(make_order("binance", time, time) for time in range(0, 3600, 600)), make_order("hyperliquid", 600.1, 7)]
    [cluster] = find(orders)
    assert cluster.sum_usd() == {"spot": Decimal(60_600), "perpetual": Decimal(60_007)}
    blocks = [
        order._replace(exchange="binance_block") if order.exchange == "hyperliquid" else order for order in orders
    ]
    assert find(blocks) == [], "a block meets no book"


@pytest.mark.parametrize(("an_hour", "least"), [(5, 38), (20, 28), (60, 16)])
def test_planted_clusters_are_found_the_more_often_the_quieter_it_is(an_hour: float, least: int) -> None:
    true = false = 0
    for seed in range(5):
        for cluster in find(make_world(seed, an_hour, clusters=8)):
            true += sum(map(is_planted, cluster.members)) > 1
            false += sum(map(is_planted, cluster.members)) < 2
    assert least <= true <= 40 and false <= 0.1 * (true + false)


@pytest.mark.parametrize("bursts", [False, True])
def test_of_hours_without_clusters_one_in_twenty_gives_one_at_most(bursts: bool) -> None:
    """Without anything to discover the false-discovery rate is the share of hours that give something."""
    alarms = sum(bool(find(make_world(1000 + seed, 10, bursts=bursts))) for seed in range(200))
    assert alarms <= 18, "MOST_FALSE of 200 and two and a half standard deviations"
    assert MOST_FALSE == 0.05


def test_a_chance_is_a_share_of_the_shuffled_orders_that_are_in_the_range() -> None:
    """Of two orders that are alone in two seconds, few are there in shuffled worlds: these show little of chance."""
    pair = [make_order("binance", 1800, 5_000_000), make_order("coinbase", 1800.02, 5_000_001)]
    orders = [*make_world(1, 10), *pair]
    [found] = find_clusters(orders, 1799 * SECOND, 1801 * SECOND, most_false=1.0)
    [same] = [one for one in find_clusters(orders, 0, HOUR, most_false=1.0) if one.first == found.first]
    assert found.chance > 0.01 > 0.001 > same.chance


def test_false_discovery_rates_are_those_of_benjamini_and_hochberg() -> None:
    assert adjust_false_discoveries([0.01, 0.02, 0.03], 10) == pytest.approx([0.1, 0.1, 0.1])
    assert adjust_false_discoveries([0.001, 0.5], 4) == pytest.approx([0.004, 1.0])
    assert adjust_false_discoveries([], 4) == []
    assert estimate_chances([9.0, 2.0, 0.5], [1.0, 2.0, 3.0], 99) == pytest.approx([0.01, 0.03, 0.04])


def test_an_order_is_of_one_cluster_over_the_end_of_an_hour() -> None:
    """It begins before the end, and two of its members after it would be a cluster by themselves."""
    orders = [make_order("binance", time, time) for time in range(300, 7200, 600)]
    orders += [
        make_order("binance", 3599.5, 91),
        make_order("coinbase", 3600.2, 92),
        make_order("hyperliquid", 3600.5, 93),
    ]
    found = [*find_clusters(orders, 0, HOUR), *find_clusters(orders, HOUR, 2 * HOUR)]
    assert [[member.trade_id for member in cluster.members] for cluster in found] == [[91, 92, 93]]


@pytest.mark.parametrize("seed", range(2))
def test_no_order_is_of_two_clusters_wherever_a_range_is_cut(seed: int) -> None:
    orders = make_world(seed, 120, 6)
    cuts = [0, *sorted(random.Random(seed).sample(range(HOUR), 20)), HOUR]
    found = [cluster for start, end in pairwise(cuts) for cluster in find_clusters(orders, start, end, most_false=1.0)]
    members = [member for cluster in found for member in cluster.members]
    assert len(members) == len(set(members)) > 0


def test_a_base_and_side_with_very_many_orders_is_left_out_and_named() -> None:
    dice = random.Random(1)
    busy = [
        make_order(dice.choice(EXCHANGES), dice.uniform(0, 3600), number, "ETH") for number in range(MOST_ORDERS + 1)
    ]
    quiet = make_world(3, 5, clusters=5)
    others = [order for order in quiet if (order.base, order.side) != ("ETH", "buy")]
    assert find([*others, *busy]) == find(others) != []
    assert find_busy([*others, *busy]) == [("ETH", "buy")] and find_busy(busy[1:]) == []


def test_shuffled_worlds_take_bounded_memory() -> None:
    dice = random.Random(1)
    orders = [make_order(dice.choice(EXCHANGES), dice.uniform(0, 3600), number) for number in range(1500)]
    tracemalloc.start()
    find_clusters(orders, 0, HOUR)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_without_orders_or_a_second_exchange_there_is_none() -> None:
    assert find([]) == find([make_order("binance", 1, 1)]) == []
