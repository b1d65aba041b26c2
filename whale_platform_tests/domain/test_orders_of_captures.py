"""Real orders: how many are of each tier, and how much larger they are than fills (docs/concepts/whales.md)."""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from whale_platform.domain.names import WHALE_TIERS
from whale_platform.domain.sweep import SweepTracker
from whale_platform.domain.trade import Trade
from whale_platform.domain.whale import build_tier_limits, find_tier
from whale_platform_tests.lake.builders import captured


def find_orders(fills: Iterable[Trade]) -> dict[tuple[str, int], Decimal]:
    """US dollars by symbol and first trade id."""
    trackers: dict[str, SweepTracker] = {}
    orders: dict[tuple[str, int], Decimal] = {}
    for fill in fills:
        sweep = trackers.setdefault(fill.symbol, SweepTracker()).add(fill)
        orders[fill.symbol, sweep.first_id if sweep else fill.trade_id] = sweep.notional if sweep else fill.notional
    return orders


def test_each_tier_has_a_tenth_to_a_fifth_of_the_one_before() -> None:
    orders, found = find_orders(captured()), {}
    for usd in (10_000, 25_000, 50_000):
        limits = build_tier_limits(Decimal(usd))
        tiers = Counter(find_tier(limits, notional) for notional in orders.values() if notional >= usd)
        found[usd] = [tiers[tier] for tier in WHALE_TIERS]
    assert found == {10_000: [588, 107, 13], 25_000: [269, 25, 4], 50_000: [109, 10, 1]}


def test_the_tenth_largest_order_is_five_times_the_tenth_largest_fill() -> None:
    fills = [fill for fill in captured() if fill.symbol == "BTCUSDT"]
    orders = find_orders(fills).values()
    tenth = [sorted(notionals)[-10] for notionals in ([fill.notional for fill in fills], orders)]
    assert [round(notional) for notional in tenth] == [47_912, 230_421]
