"""How many real orders are of each tier: the table of docs/concepts/whales.md."""

from collections import Counter
from decimal import Decimal

from whale_platform.domain.names import WHALE_TIERS
from whale_platform.domain.sweep import SweepTracker
from whale_platform.domain.whale import build_tier_limits, find_tier
from whale_platform_tests.lake.builders import captured


def test_about_a_tenth_of_a_tier_is_of_the_next_one() -> None:
    trackers: dict[str, SweepTracker] = {}
    orders: dict[tuple[str, int], Decimal] = {}
    for fill in captured():
        sweep = trackers.setdefault(fill.symbol, SweepTracker()).add(fill)
        orders[fill.symbol, sweep.first_id if sweep else fill.trade_id] = sweep.notional if sweep else fill.notional
    found = {}
    for usd in (10_000, 25_000, 50_000):
        limits = build_tier_limits(Decimal(usd))
        tiers = Counter(find_tier(limits, notional) for notional in orders.values() if notional >= usd)
        found[usd] = [tiers[tier] for tier in WHALE_TIERS]
    assert found == {10_000: [588, 107, 13], 25_000: [269, 25, 4], 50_000: [109, 10, 1]}
