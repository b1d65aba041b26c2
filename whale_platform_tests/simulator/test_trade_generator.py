"""Generated trades against the figures of the real captures, and their reproducibility."""

from collections import defaultdict
from itertools import groupby, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale_platform.simulator.play.market_profile import MEAN_FILLS, MarketProfile, build_profile
from whale_platform.simulator.play.trade_generator import BLOCK_TRADES, TradePrint, generate_prints

BTC, ETH = build_profile(("binance", "BTCUSDT"), "BTC", "USDT"), build_profile(("binance", "ETHUSDT"), "ETH", "USDT")
REAL = {
    "BTCUSDT": {"count": 19_904, "p50": 41, "p99": 20_000, "p99.9": 45_100, "max": 427_000},
    "ETHUSDT": {"count": 14_515, "p50": 21, "p99": 10_000, "p99.9": 30_700, "max": 140_000},
}
RUNS = 8


def notionals(of: MarketProfile, found: list[TradePrint]) -> list[float]:
    scale = 10.0 ** -(of.price_decimals + of.size_decimals)
    return [one.price * one.size * scale for one in found]


@pytest.mark.parametrize("of", [BTC, ETH], ids=lambda of: of.key[1])
def test_sizes_are_as_heavy_tailed_as_real_ones(of: MarketProfile) -> None:
    real = REAL[of.key[1]]
    found = notionals(of, list(islice(generate_prints(1, of, 0), real["count"] * RUNS)))
    ordered = sorted(found)
    for name, quantile in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)):
        assert 1 / 1.25 < ordered[int(quantile * len(ordered))] / real[name] < 1.25, name
    maxima = sorted(max(found[at : at + real["count"]]) for at in range(0, len(found), real["count"]))
    assert 1 / 3 < maxima[RUNS // 2] / real["max"] < 3


def test_sweeps_are_whales_more_often_than_single_fills() -> None:
    """Of 34,419 real fills 14 reach $50k alone and 4 $100k; 120 and 42 sweeps do."""
    singles: dict[int, float] = defaultdict(float)
    sweeps: dict[int, float] = defaultdict(float)
    for of in (BTC, ETH):
        found = list(islice(generate_prints(1, of, 0), REAL[of.key[1]]["count"] * RUNS))
        by_order: dict[int, float] = defaultdict(float)
        for one, notional in zip(found, notionals(of, found), strict=True):
            by_order[one.order] += notional
            for limit in (50_000, 100_000):
                singles[limit] += (notional >= limit) / RUNS
        for limit in (50_000, 100_000):
            sweeps[limit] += sum(total >= limit for total in by_order.values()) / RUNS
    assert 7 < singles[50_000] < 28
    assert 2 < singles[100_000] < 8
    assert 60 < sweeps[50_000] < 240
    assert 21 < sweeps[100_000] < 84


def test_orders_have_one_side_and_walk_the_book_away_from_their_taker() -> None:
    levels = longest = 0
    for _, group in groupby(islice(generate_prints(1, BTC, 0), 50_000), key=lambda one: one.order):
        fills = list(group)
        assert len({one.sold for one in fills}) == 1
        prices = [one.price for one in fills]
        assert prices == sorted(prices, reverse=fills[0].sold)
        assert [one.gap for one in fills[1:]] == [0.0] * (len(fills) - 1)
        if len(fills) > longest:
            longest, levels = len(fills), len(set(prices))
    assert longest > 200
    assert levels > 50


def test_the_mean_pace_holds_and_bursts_happen() -> None:
    found = list(islice(generate_prints(1, BTC, 0), 200_000))
    orders = len({one.order for one in found})
    assert abs(sum(one.gap for one in found) / orders - 1) < 0.03
    assert abs(len(found) / orders / MEAN_FILLS - 1) < 0.05
    rushes = [sum(1 for _ in group) for rushing, group in groupby(found, key=lambda one: one.rush) if rushing]
    assert max(rushes) > 200


@given(st.integers(0, 3 * BLOCK_TRADES), st.integers(0, 5))
def test_any_start_gives_the_same_sequence(start: int, seed: int) -> None:
    from_zero = list(islice(generate_prints(seed, ETH, 0), start, start + 3))
    assert list(islice(generate_prints(seed, ETH, start), 3)) == from_zero
    assert [one.number for one in from_zero] == [start, start + 1, start + 2]


def test_seed_symbol_and_exchange_matter() -> None:
    def some(seed: int, of: MarketProfile) -> list[tuple[int, int]]:
        return [(one.price, one.size) for one in islice(generate_prints(seed, of, 0), 20)]

    others = [some(2, BTC), some(1, ETH), some(1, build_profile(("coinbase", "BTC-USD"), "BTC", "USD"))]
    assert some(1, BTC) not in others


@pytest.mark.parametrize(
    ("exchange", "base", "quote"),
    [("binance", "ETH", "BTC"), ("binance", "PEPE", "USDT"), ("coinbase", "NEW", "EUR"), ("binance", "BTC", "IDR")],
)
def test_unlisted_markets_trade_too(exchange: str, base: str, quote: str) -> None:
    of = build_profile((exchange, base + quote), base, quote)
    assert of.share > 0
    assert all(one.price >= 1 and one.size >= 1 for one in islice(generate_prints(1, of, 0), 5_000))
