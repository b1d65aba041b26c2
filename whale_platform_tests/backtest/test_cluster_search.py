"""The search for clusters over a lake: orders by the thresholds that held, hours by themselves, and the command."""

import json
import random
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from whale_platform.backtest import cluster_search, clusters
from whale_platform.backtest.cluster_report import build_row, draw_clusters, render_clusters
from whale_platform.backtest.cluster_search import ClusterRequest, find_lake_clusters, read_held_orders
from whale_platform.backtest.clusters import OrderCluster
from whale_platform.cli.app import app
from whale_platform.domain.trade import Side, Trade
from whale_platform.domain.whale import ALWAYS, ThresholdChange, ThresholdPeriod, build_threshold_periods
from whale_platform.homes import open_home
from whale_platform.lake.analysis.whale_orders import WhaleOrder, read_whale_orders
from whale_platform_tests.lake.builders import START, lay, trade

SECOND = 1_000_000
FIRST = int(START.timestamp()) * SECOND
MARKETS = {"binance": "BTCUSDT", "coinbase": "BTC-USD", "hyperliquid": "BTC"}


def make_fill(exchange: str, at_s: float, usd: int, side: Side = "buy") -> Trade:
    """A fill of `usd` dollars, so many seconds after START; its id comes with the world."""
    time = FIRST + int(at_s * SECOND)
    quantity = Decimal(usd) / 100
    return trade(0)._replace(
        exchange=exchange,
        symbol=MARKETS[exchange],
        base="BTC",
        price=Decimal(100),
        side=side,
        quantity=quantity,
        event_time=time,
        received_time=time,
    )


def number_fills(fills: list[Trade]) -> list[Trade]:
    """By time, each market's ids from 1 on."""
    counts, numbered = dict.fromkeys(MARKETS, 0), list[Trade]()
    for fill in sorted(fills, key=lambda fill: fill.event_time):
        counts[fill.exchange] += 1
        numbered.append(fill._replace(trade_id=counts[fill.exchange]))
    return numbered


def make_world(hours: int = 2) -> list[Trade]:
    """Whales at random, small trades between them, and a cluster at half past each hour, its spot order a sweep."""
    dice, fills = random.Random(1), list[Trade]()
    for exchange in MARKETS:
        for _ in range(12 * hours):
            fills.append(make_fill(exchange, dice.uniform(0, hours * 3600), 60_000, dice.choice(("buy", "sell"))))
        fills += [make_fill(exchange, dice.uniform(0, hours * 3600), 900) for _ in range(200 * hours)]
    for hour in range(hours):
        at = hour * 3600 + 1800
        fills += [make_fill("binance", at, 30_000, "sell") for _ in range(3)]
        fills += [make_fill("coinbase", at + 0.2, 70_000, "sell"), make_fill("hyperliquid", at + 0.1, 80_000, "sell")]
    return number_fills(fills)


def hold(usd: int) -> list[ThresholdPeriod]:
    return build_threshold_periods((), Decimal(usd))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("clusters") / "lake" / "trades"
    lay(root, make_world())
    return root


def find(
    root: Path,
    minutes: tuple[int, int] = (0, 120),
    thresholds: list[ThresholdPeriod] | None = None,
    base: str | None = None,
) -> list[OrderCluster]:
    start, end = (START + timedelta(minutes=one) for one in minutes)
    return find_lake_clusters(root, ClusterRequest(start, end, thresholds or hold(50_000), base)).clusters


def test_a_sweep_a_single_trade_and_a_perpetual_are_a_cluster_each_hour(root: Path) -> None:
    found = find(root)
    half_past = [cluster for cluster in found if cluster.first.time in (FIRST + 1800 * SECOND, FIRST + 5400 * SECOND)]
    assert len(half_past) == 2 and len(found) <= 3
    for cluster in half_past:
        assert [(member.exchange, member.kind) for member in cluster.members] == [
            ("binance", "sweep"),
            ("hyperliquid", "single_trade"),
            ("coinbase", "single_trade"),
        ]
        assert cluster.sum_usd() == {"spot": 160_000, "perpetual": 80_000} and cluster.q <= 0.05


def test_each_hour_is_searched_by_itself_so_that_any_range_gives_the_same(root: Path) -> None:
    assert find(root, (0, 60)) + find(root, (60, 120)) == find(root)
    assert find(root, (0, 20)) == [] and len(find(root, (25, 35))) == 1
    parts = [find(root, (start, start + 10)) for start in range(0, 120, 10)]
    assert [cluster for part in parts for cluster in part] == find(root), "the same chances too"


def test_one_base_has_the_clusters_that_it_has_among_all(tmp_path: Path) -> None:
    """Orders of other bases count as tests, so the false-discovery rates are those of all bases."""
    other = [fill._replace(symbol=fill.symbol.replace("BTC", "ETH"), base="ETH") for fill in make_world()]
    quiet = [fill for fill in other if fill.quantity > 100 and fill.exchange != "hyperliquid"]
    lay(tmp_path / "lake", [*make_world(), *quiet])
    every = find(tmp_path / "lake")
    assert {cluster.first.base for cluster in every} == {"BTC", "ETH"}
    for base in ("BTC", "ETH"):
        assert find(tmp_path / "lake", base=base) == [one for one in every if one.first.base == base]


def test_orders_are_whales_by_the_thresholds_that_held(root: Path) -> None:
    assert find(root, thresholds=hold(1_000_000)) == []
    changes = [
        ThresholdChange("*", "*", ALWAYS, Decimal(50_000)),
        ThresholdChange("coinbase", "*", START + timedelta(hours=1), Decimal(75_000)),
    ]
    found = find(root, thresholds=build_threshold_periods(changes, Decimal(1)))
    counts = [len(one.members) for one in found if one.first.time % (3600 * SECOND) == 1800 * SECOND]
    assert counts == [3, 2], "the order at Coinbase is no whale in the second hour"
    orders = read_held_orders(root, ClusterRequest(START, START + timedelta(hours=2), hold(50_000)))
    assert len(orders) == len(set(orders)) == 3 * 24 + 2 * 3, "fills of a sweep are no orders of their own"


def test_a_low_threshold_of_one_market_reads_no_more_of_the_others(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read from the lake is held in memory, hour by hour."""
    lowered = ThresholdChange("binance", "DOGEUSDT", ALWAYS, Decimal(100))
    held = build_threshold_periods([ThresholdChange("*", "*", ALWAYS, Decimal(50_000)), lowered], Decimal(1))
    read = list[WhaleOrder]()

    def spy(*words: Any) -> list[WhaleOrder]:
        found = read_whale_orders(*words)
        read.extend(found)
        return found

    monkeypatch.setattr(cluster_search, "read_whale_orders", spy)
    request = ClusterRequest(START, START + timedelta(hours=1), held)
    assert read_held_orders(root, request) == read, "of both hours only what is asked for is read"
    margin = cluster_search.MARGIN // timedelta(microseconds=1)
    assert max(order.time for order in read) < FIRST + 3600 * SECOND + margin


def test_what_is_too_busy_to_be_searched_is_named_with_its_hour(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "MOST_ORDERS", 10)
    found = find_lake_clusters(root, ClusterRequest(START, START + timedelta(hours=2), hold(50_000)))
    assert found.clusters == [] and len(found.busy) == 4
    [buys, sells] = found.explain_busy(START + timedelta(hours=1))
    assert buys.startswith("BTC buy from 2026-01-02 11:00 is not searched") and sells.startswith("BTC sell")


def test_the_report_names_members_with_their_market_kinds(root: Path) -> None:
    found = find(root)
    text = render_clusters(found)
    assert "binance:BTCUSDT (spot), hyperliquid:BTC (perpetual), coinbase:BTC-USD (spot)" in text
    assert "160,000" in text and "80,000" in text and "240,000" not in text
    assert (draw_clusters(found) or b"").startswith(b"\x89PNG") and draw_clusters([]) is None
    assert render_clusters([]).startswith("No clusters")
    assert build_row(found[0]).members[0].event_time.tzinfo is not None


def test_the_command_writes_a_table_or_json(tmp_path: Path) -> None:
    home = open_home(tmp_path / "base", "simulator").path
    lay(home / "lake" / "trades", make_world(1))
    words = ["clusters", "--from", "2026-01-02T10:00", "--to", "2026-01-02T11:00", "--home", str(tmp_path / "base")]
    text = CliRunner().invoke(app, [*words, "--minimum-usd", "50000"])
    assert text.exit_code == 0 and "hyperliquid:BTC (perpetual)" in text.stdout
    assert text.stdout.splitlines()[-1].startswith("1 hour was searched") and "up to 0.05 of them" in text.stdout
    lines = CliRunner().invoke(app, [*words, "--minimum-usd", "50000", "--json"]).stdout.splitlines()
    [found] = [one for one in map(json.loads, lines) if len(one["members"]) == 3]
    assert found["usd"] == {"spot_usd": "160000", "perpetual_usd": "80000"} and found["side"] == "sell"
    assert [member["market_kind"] for member in found["members"]] == ["spot", "perpetual", "spot"]
    assert "One hour in twenty" in CliRunner().invoke(app, ["clusters", "--help"]).stdout
    none = CliRunner().invoke(app, [*words, "--minimum-usd", "50000", "--base", "ETH"])
    assert none.stdout.startswith("no clusters")
