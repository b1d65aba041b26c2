"""What is planted among generated trades: the plan, its noise, and ids and history that stay as they were sent."""

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from whale_platform.domain.catalogue import ListedPair
from whale_platform.exchanges.simulation.play import Fill
from whale_platform.simulator.errors import PlaySetupError
from whale_platform.simulator.play.generated_play import GeneratedPlay
from whale_platform.simulator.play.market_feed import MarketFeed, PlantedPrint
from whale_platform.simulator.play.market_profile import build_profile
from whale_platform.simulator.play.planted_orders import (
    CLUSTER_SPREAD_S,
    CLUSTERS_AN_HOUR,
    DAY_US,
    KEPT_DAYS,
    PlantableMarket,
    PlantedOrder,
    Planting,
    choose_usd,
    count_like,
    measure_market,
    plan_hour,
    read_planted,
)
from whale_platform.simulator.service import build_play
from whale_platform_tests.simulator.harness import settings, simulator, trades

BTC = ("binance", "BTCUSDT")
COINBASE = build_profile(("coinbase", "BTC-USD"), "BTC", "USD")
SECOND, HOUR = 1_000_000, 500_000


def make_markets() -> list[PlantableMarket]:
    names = (("binance", "BTCUSDT", "BTC"), ("coinbase", "BTC-USD", "BTC"), ("binance", "SOLUSDT", "SOL"))
    return [measure_market(1, build_profile((key, symbol), base, "USD"), base, 4.0) for key, symbol, base in names]


def group_orders(plan: list[PlantedOrder]) -> list[list[PlantedOrder]]:
    groups = defaultdict(list)
    for order in plan:
        groups[order.group].append(order)
    return list(groups.values())


def test_a_plan_follows_from_seed_hour_and_markets() -> None:
    markets = make_markets()
    plan = plan_hour(1, HOUR, markets, (1, 5))
    assert plan == plan_hour(1, HOUR, markets[::-1], (1, 5)) == sorted(plan)
    assert plan not in (plan_hour(2, HOUR, markets, (1, 5)), plan_hour(1, HOUR + 1, markets, (1, 5)))
    assert all(HOUR * 3600 <= order.time / SECOND < (HOUR + 1) * 3600 for order in plan)


def test_robots_come_at_regular_times_with_like_sizes_and_clusters_on_several_exchanges() -> None:
    kinds = set()
    for hour in range(HOUR, HOUR + 4):
        groups = group_orders(plan_hour(1, hour, make_markets(), (1,)))
        robots = [orders for orders in groups if orders[0].kind != "cluster"]
        clusters = [orders for orders in groups if orders[0].kind == "cluster"]
        assert len(robots) == 3 and len(clusters) == CLUSTERS_AN_HOUR, "SOL has one exchange alone"
        for orders in robots:
            kinds.add(orders[0].kind)
            assert len({(order.market, order.side, order.kind) for order in orders}) == 1
            assert len(orders) == orders[0].orders and (orders[0].period_s or 0) > 0
            for one, following in pairwise(orders):
                assert (following.time - one.time) / SECOND == pytest.approx(orders[0].period_s or 0, rel=0.2, abs=1)
            sizes = [order.usd for order in orders]
            assert max(sizes) / min(sizes) < (1.0001 if orders[0].kind == "repeat" else 1.11)
        for orders in clusters:
            assert len({order.side for order in orders}) == 1 and {order.market[1][:3] for order in orders} == {"BTC"}
            assert len({order.market[0] for order in orders}) == len(orders) == orders[0].orders >= 2
            assert orders[-1].time - orders[0].time <= CLUSTER_SPREAD_S * SECOND
    assert kinds == {"twap", "repeat"}


@pytest.mark.parametrize("noise", [0.2, 1, 4])
def test_the_size_of_a_robot_gives_the_noise_that_is_wished_where_its_market_has_it(noise: float) -> None:
    market = make_markets()[0]
    usd, found = choose_usd(market, 60, noise)
    assert found == pytest.approx(noise, rel=0.3) and found == count_like(market, usd) * 60


def play(feed: MarketFeed, planted: dict[int, PlantedPrint], rounds: int) -> list[Fill]:
    """Orders of the sequence, before every seventh one a planted one, each at a moment of its own."""
    now, sent = 1_700_000_000 * SECOND, list[Fill]()
    for number in range(rounds):
        now += 1000
        if number % 7 == 0:
            planted[feed.index] = PlantedPrint(number % 2 == 0, 123_456 + number)
            sent.append(feed.plant(planted[feed.index], now))
        sent += feed.order(now + 500)
    return sent


def test_planted_orders_take_ids_and_history_serves_them_as_they_were_sent() -> None:
    feed, planted = MarketFeed(1, COINBASE, 100.0, 1000), dict[int, PlantedPrint]()
    sent = play(feed, planted, 300)
    assert [fill.trade_id for fill in sent] == list(range(1, len(sent) + 1))
    assert feed.page(0, len(sent)) == sent
    for start in (*planted, *(index + 1 for index in planted)):
        assert feed.page(start, 5) == sent[start : start + 5], "from the middle of an order too"
    for index, one in planted.items():
        assert Decimal(sent[index].size) * 10**COINBASE.size_decimals == one.size
        assert sent[index].side == ("sell" if one.sold else "buy")
    times = defaultdict(set)
    for fill in sent:
        times[fill.taker_order_id].add(fill.time)
    assert len(times) == 300 + len(planted) and {len(some) for some in times.values()} == {1}


def test_all_other_contents_are_those_of_a_market_without_planted_orders() -> None:
    planted = dict[int, PlantedPrint]()
    sent = play(MarketFeed(1, COINBASE, 100.0, 1000), planted, 300)
    feed, plain = MarketFeed(1, COINBASE, 100.0, 1000), list[Fill]()
    while len(plain) < len(sent):
        plain += feed.order(1)
    for one, other in zip(sent, plain, strict=False):
        if one.trade_id - 1 not in planted:
            assert (one.price, one.size, one.side) == (other.price, other.size, other.side)


def test_ids_that_are_issued_again_have_the_same_contents() -> None:
    planted = dict[int, PlantedPrint]()
    sent = play(MarketFeed(1, COINBASE, 100.0, 1000), planted, 50)
    again = MarketFeed(1, COINBASE, 100.0, 1000, index=0, planted=planted)
    assert not again.plantable, "the first one is planted already"
    issued = list[Fill]()
    while len(issued) < len(sent):
        issued += again.order(5)
    assert [replace(fill, time=0, sent_time=0) for fill in issued[: len(sent)]] == [
        replace(fill, time=0, sent_time=0) for fill in sent
    ]


class SoonPlanting(Planting):
    """One order, due at once."""

    def take_due(self, now: int) -> list[PlantedOrder]:
        return [] if self.sent or now < SECOND else [PlantedOrder(now, "1-0-0", "repeat", BTC, "sell", 1e5, 1, 1, 5)]


def test_what_is_sent_is_on_record_with_its_id_and_is_in_history_after_a_restart(tmp_path: Path) -> None:
    path, pairs = tmp_path / "planted.jsonl", {BTC: ListedPair("BTCUSDT", "BTC", "USDT", "TRADING", True)}
    asleep = GeneratedPlay(pairs, 50.0, 1, None, SoonPlanting(1, (1,), path))
    assert list(asleep.plant_due(2 * SECOND)) == [] and read_planted(path) == [], "nobody has subscribed"
    saved = {"kind": "generated", "seed": 1, "places": {"binance:BTCUSDT": [10, 5]}}
    running = GeneratedPlay(pairs, 50.0, 1, saved, SoonPlanting(1, (1,), path))
    running.wake({BTC})
    [fill] = running.plant_due(2 * SECOND)
    [known] = read_planted(path)
    assert (known.exchange, known.symbol, known.trade_id, known.side) == ("sim_binance", "BTCUSDT", 11, "sell")
    assert float(fill.size) == pytest.approx(1e5 / 61_700, rel=0.001)
    restarted = GeneratedPlay(pairs, 50.0, 1, running.to_save(), SoonPlanting(1, (), path))
    assert restarted.upward(BTC, 11, 1)[0].size == fill.size
    path.write_text("{\n")
    with pytest.raises(PlaySetupError, match="no list of planted orders"):
        Planting(1, (1,), path)


def test_a_torn_last_line_is_no_order_and_stops_nobody(tmp_path: Path) -> None:
    """A killed simulator leaves one; the next line is not appended to it."""
    path = tmp_path / "planted.jsonl"
    planting = record_orders(path, [5 * SECOND, 6 * SECOND])
    path.write_text(path.read_text()[:-20])
    assert [one.time for one in read_planted(path)] == [5 * SECOND]
    planting = record_orders(path, [7 * SECOND])
    assert [one.time for one in planting.sent] == [5 * SECOND]
    assert [one.time for one in read_planted(path)] == [5 * SECOND, 7 * SECOND]


def test_what_is_older_than_two_days_is_deleted(tmp_path: Path) -> None:
    path, now = tmp_path / "planted.jsonl", 1_764_000_000 * SECOND
    planting = record_orders(path, [now - KEPT_DAYS * DAY_US - 1, now - KEPT_DAYS * DAY_US, now])
    planting.take_due(now)
    assert [one.time for one in read_planted(path)] == [now - KEPT_DAYS * DAY_US, now]
    planting.take_due(now + DAY_US)
    assert [one.time for one in read_planted(path)] == [now], "each day again"


def record_orders(path: Path, times: list[int]) -> Planting:
    planting = Planting(1, (1,), path)
    for number, time in enumerate(times):
        order = PlantedOrder(time, "1-0-0", "repeat", BTC, "sell", 1e5, 1, 1, 5)
        planting.record(order, PlantedPrint(True, 1), number, time)
    return planting


def test_planted_orders_come_by_the_socket_while_their_hour_runs(tmp_path: Path) -> None:
    noisy: dict[str, Any] = {"simulator_rate": 200, "simulator_planted_noise": (0.5,)}
    with simulator(tmp_path, **noisy) as running, running.connect("/binance/ws/btcusdt@trade") as client:
        heard = trades(client, 100)
    assert [one["t"] for one in heard] == list(range(1, 101))
    plain = settings(tmp_path)
    assert build_play(plain).played == build_play(settings(tmp_path, **noisy)).played > 0
