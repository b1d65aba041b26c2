"""Grades against truth: planted worlds, recordings with order ids and parties, and days with nothing to grade."""

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from whale_platform.backtest import robot_search
from whale_platform.backtest.clusters import OrderCluster
from whale_platform.backtest.grade_counts import GradeCounts, GradeLine, estimate_interval, sum_lines
from whale_platform.backtest.grades import (
    GradeRequest,
    draw_grades,
    grade_day,
    grade_range,
    render_grades,
    write_grades,
)
from whale_platform.backtest.robot_grades import build_truth, grade_clusters, name_band
from whale_platform.bench.detection.planted_world import WorldPlan, lay_planted_world
from whale_platform.domain.trade import Side, Trade
from whale_platform.domain.whale import build_threshold_periods
from whale_platform.exchanges.coinbase.adapter import Coinbase
from whale_platform.exchanges.hyperliquid.adapter import Hyperliquid
from whale_platform.lake.analysis.taker_orders import MarketChoice, TakerOrder, read_taker_orders
from whale_platform.lake.analysis.whale_orders import WhaleOrder
from whale_platform.simulator.play.planted_orders import PlantedTrade
from whale_platform_tests.lake.builders import START, lay, trade
from whale_platform_tests.support.captures import coinbase_frames, received_frames

HELD = build_threshold_periods((), Decimal(50_000))
DAY = START.date()
PLAN = WorldPlan(datetime(2026, 3, 2, 10, tzinfo=UTC), 1, 20.0, ("BTC",), (0.2,), 1)


def pick(lines: Iterable[GradeLine], subject: str, truth: str) -> dict[str, GradeCounts]:
    return {line.band: line.counts for line in lines if (line.subject, line.truth) == (subject, truth)}


def total(counts: dict[str, GradeCounts]) -> GradeCounts:
    return next(line.counts for line in sum_lines(GradeLine("", "", "", one) for one in counts.values()))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[PlantedTrade], list[GradeLine]]:
    """A planted hour of BTC on four exchanges, and its grades."""
    root = tmp_path_factory.mktemp("planted") / "lake" / "trades"
    planted = lay_planted_world(root, PLAN)
    end = PLAN.start + timedelta(hours=1)
    return root, planted, grade_range(root, GradeRequest(PLAN.start, end, HELD, planted))


def test_planted_robots_and_clusters_of_a_quiet_market_are_found(
    world: tuple[Path, list[PlantedTrade], list[GradeLine]],
) -> None:
    _, planted, lines = world
    robots = {line.band: line.counts for line in lines if line.subject == "robots" and line.band.startswith("noise")}
    clusters = pick(lines, "clusters", "planted")
    assert total(robots).actual == len({one.group for one in planted if one.kind != "cluster"}) == 4
    assert total(robots).recalled >= 3 and total(robots).correct == total(robots).found
    assert total(clusters).actual == 6 and total(clusters).recalled >= 4
    assert total(clusters).found - total(clusters).correct <= 1


def test_without_the_truth_the_same_finds_are_wrong_or_not_graded(
    world: tuple[Path, list[PlantedTrade], list[GradeLine]],
) -> None:
    root, planted, lines = world
    request = GradeRequest(PLAN.start, PLAN.start + timedelta(hours=1), HELD)
    assert {line.subject for line in grade_range(root, request)} == {"sweeps"}
    elsewhere = [replace(one, trade_id=one.trade_id + 1) for one in planted]
    shifted = grade_range(root, replace(request, planted=elsewhere))
    found, before = (total(pick(some, "clusters", "planted")) for some in (shifted, lines))
    assert (found.found, found.correct, found.recalled) == (before.found, 0, 0)


def test_sweeps_are_found_without_the_order_ids_that_coinbase_names(
    world: tuple[Path, list[PlantedTrade], list[GradeLine]],
) -> None:
    _, _, lines = world
    for way in ("hidden", "as alerted"):
        counts = pick(lines, "sweeps", f"sim_coinbase, {way}")
        assert counts["$1,000 and more"].actual > 50
        assert all(one.recall == one.precision == 1 for one in counts.values())
    assert {line.truth for line in lines if line.subject == "sweeps"} == {
        "sim_coinbase, hidden",
        "sim_coinbase, as alerted",
    }


def make_orders(split_moment: bool) -> list[Trade]:
    """Two orders of two fills each at Coinbase, at one moment or at two."""
    moments = (0, 0, 0, 0) if split_moment else (0, 0, 1, 1)
    first = trade(0).event_time
    return [
        trade(number)._replace(
            exchange="coinbase", side="buy", event_time=first + moment, taker_order_id=f"order {number // 2}"
        )
        for number, moment in enumerate(moments)
    ]


def test_two_orders_of_one_moment_are_told_apart_only_by_their_ids(tmp_path: Path) -> None:
    lay(tmp_path / "apart", make_orders(split_moment=False))
    lay(tmp_path / "together", make_orders(split_moment=True))
    apart, together = (grade_day(tmp_path / name, DAY, HELD, ()) for name in ("apart", "together"))
    assert pick(apart, "sweeps", "coinbase, hidden")["$100 and more"] == GradeCounts(2, 2, 2, 2)
    assert pick(together, "sweeps", "coinbase, hidden")["$100 and more"] == GradeCounts(2, 0, 1, 0)
    assert pick(together, "sweeps", "coinbase, as alerted")["$100 and more"] == GradeCounts(2, 2, 2, 2)


def read_recording(exchange: str) -> list[Trade]:
    """The trades of a recording, each once; skips where it is absent."""
    coinbase, hyperliquid = Coinbase(), Hyperliquid("ws://h", "http://h")
    if exchange == "coinbase":
        events = [event for frame in coinbase_frames() if '"match"' in frame for event in coinbase.parse(frame, 1)]
    else:
        frames = received_frames("hyperliquid_btc_20250126.gz")
        events = [event for frame in frames for event in hyperliquid.parse(frame, 1)]
    return list({(event.symbol, event.trade_id): event for event in events if isinstance(event, Trade)}.values())


def count_orders(trades: Iterable[Trade]) -> int:
    """True orders of two fills and more, and of $100 and more, counted without the platform's SQL."""
    orders = defaultdict(list)
    for one in trades:
        party = one.buyer if one.side == "buy" else one.seller
        moment = (party, one.event_time, one.side) if party else None
        orders[one.symbol, one.taker_order_id, moment].append(one.notional_usd or 0)
    return sum(len(fills) > 1 and sum(fills) >= 100 for fills in orders.values())


@pytest.mark.parametrize(
    ("exchange", "hidden", "alerted"),
    [
        ("coinbase", GradeCounts(8, 8, 8, 8), GradeCounts(8, 8, 8, 8)),
        ("hyperliquid", GradeCounts(0, 0, 2, 0), GradeCounts()),  # orders of several takers at one moment, twice
    ],
)
def test_recordings_are_graded_with_order_ids_and_parties_hidden(
    tmp_path: Path, exchange: str, hidden: GradeCounts, alerted: GradeCounts
) -> None:
    trades = read_recording(exchange)
    lay(tmp_path / "lake", trades)
    day = datetime.fromtimestamp(trades[0].event_time / 1e6, UTC).date()
    lines = grade_day(tmp_path / "lake", day, HELD, ())
    found = [pick(lines, "sweeps", f"{exchange}, {way}") for way in ("hidden", "as alerted")]
    assert [one.get("$100 and more", GradeCounts()) for one in found] == [hidden, alerted]
    assert hidden.actual == count_orders(trades)


def make_takers(robot: bool) -> list[Trade]:
    """An hour of Hyperliquid: many takers at random, and one that sells alike every ten seconds, or none."""
    dice, first, orders = random.Random(5), trade(0).event_time, list[tuple[int, str, str, Side]]()
    for _ in range(1500):
        at = first + dice.randrange(3600) * 1_000_000 + dice.randrange(1_000_000)
        orders.append((at, f"taker {dice.randrange(40)}", f"{dice.lognormvariate(3.5, 1):.3f}", "sell"))
    if robot:
        for number in range(300):
            at = first + number * 10_000_000 + dice.randrange(100_000)
            orders.append((at, "robot", f"{30 * dice.uniform(0.97, 1.03):.3f}", "sell"))
    return [
        trade(number, quantity=size)._replace(
            exchange="hyperliquid", symbol="BTC", event_time=at, side=side, buyer="maker", seller=taker, dense=False
        )
        for number, (at, taker, size, side) in enumerate(sorted(orders))
    ]


def test_robots_are_graded_by_the_takers_that_were_hidden(tmp_path: Path) -> None:
    lay(tmp_path / "with", make_takers(robot=True))
    lay(tmp_path / "without", make_takers(robot=False))
    counts = total(pick(grade_day(tmp_path / "with", DAY, HELD, ()), "robots", "named takers"))
    assert counts == GradeCounts(2, 2, 2, 2), "one robot, once by noise and once by size"
    assert pick(grade_day(tmp_path / "without", DAY, HELD, ()), "robots", "named takers") == {}


def test_a_moment_of_several_takers_is_an_order_of_nobody(tmp_path: Path) -> None:
    [first, *_] = make_takers(robot=False)
    takers = [("a", 0), ("b", 0), ("a", 1), ("a", 1), (None, 2), ("a", 2)]
    lay(
        tmp_path / "lake",
        [
            first._replace(trade_id=number, seller=taker, event_time=first.event_time + moment)
            for number, (taker, moment) in enumerate(takers)
        ],
    )
    orders = read_taker_orders(tmp_path / "lake", START, START + timedelta(hours=1), 0, MarketChoice())
    assert [order.taker for order in orders] == [None, "a", None]


def make_cluster(*exchanges: str, number: int = 0) -> OrderCluster:
    members = (WhaleOrder(exchange, "BTC", "sweep", number, "BTC", "buy", 0, Decimal(60_000)) for exchange in exchanges)
    return OrderCluster(tuple(members), 9, 0.001, 0.01)


def test_a_right_cluster_has_half_of_its_members_and_of_the_planted_ones() -> None:
    planted = [
        PlantedTrade("g", "cluster", f"sim_{name}", "BTC", "buy", 0, 0, 6e4, 5, None, None, 1) for name in "abcde"
    ]
    truth, others = build_truth(planted, cluster=True), [f"sim_{number}" for number in range(4)]

    def grade(*exchanges: str) -> GradeCounts:
        return total({str(n): line.counts for n, line in enumerate(grade_clusters([make_cluster(*exchanges)], truth))})

    assert grade("sim_a", "sim_b", "sim_c", *others[:3]) == GradeCounts(1, 1, 1, 1)
    assert grade("sim_a", "sim_b", "sim_c", *others) == GradeCounts(1, 0, 1, 0), "most members are others"
    assert grade("sim_a", "sim_b") == GradeCounts(1, 0, 1, 1), "less than half of the planted one"
    assert grade("sim_a", others[0]) == GradeCounts(1, 0, 1, 0)


def test_orders_are_read_only_of_markets_with_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the grade of a robot costs grows with the orders that are read for it."""
    read = list[TakerOrder]()

    def spy(*words: Any) -> Iterator[TakerOrder]:
        for order in read_taker_orders(*words):
            read.append(order)
            yield order

    monkeypatch.setattr(robot_search, "read_taker_orders", spy)
    others = [trade(number, quantity="50") for number in range(300)]
    lay(tmp_path / "unnamed", others)
    assert grade_day(tmp_path / "unnamed", DAY, HELD, ()) == [] and not read
    lay(tmp_path / "named", [*others, *make_takers(robot=True)])
    assert pick(grade_day(tmp_path / "named", DAY, HELD, ()), "robots", "named takers") != {}
    assert {(order.exchange, order.symbol) for order in read} == {("hyperliquid", "BTC")}


def test_a_day_without_any_truth_has_nothing_to_grade(tmp_path: Path) -> None:
    lay(tmp_path / "lake", [trade(number) for number in range(20)])
    lines = grade_day(tmp_path / "lake", DAY, HELD, ())
    assert lines == [] and render_grades(lines).startswith("Nothing to grade") and draw_grades(lines) is None
    path = write_grades(tmp_path, date(2026, 1, 2), lines)
    assert json.loads(path.read_text()) == [] and "Nothing to grade" in path.with_suffix(".md").read_text()


def test_the_table_and_the_picture_have_intervals() -> None:
    lines = [GradeLine("robots", "planted", "noise 0 to 0.5", GradeCounts(10, 9, 0, 0))]
    text = render_grades(lines)
    assert "0.900" in text and "0.596 to 0.982" in text and "–" in text
    assert (draw_grades(lines) or b"").startswith(b"\x89PNG")
    assert estimate_interval(0, 5)[0] == 0 and estimate_interval(5, 5)[1] == 1
    assert [name_band(value, (1, 5), "$") for value in (0.5, 4.9, 5, 99)] == ["$1 to 5"] * 2 + ["$5 and more"] * 2
