"""What the comparison with ordinary trades finds where the truth is known: in bursts, in markets that move together."""

import numpy as np
import pytest

from whale_platform.backtest import matching, statistics
from whale_platform.lake.analysis.alert_selection import TradeColumns

SECOND = 1_000_000
HORIZONS = (10, 60, 900)  # seconds
DAYS, MARKETS, ALERTS = 2, 4, 500
START = 1_736_121_600


def build_world(seed: int, edge: float) -> tuple[TradeColumns, TradeColumns]:
    """Alerts in bursts of ten of one side, and ordinary trades; `edge` basis points after an alert, whichever side."""
    dice, seconds = np.random.default_rng(seed), DAYS * 86_400
    paths = np.cumsum(dice.standard_t(4, (MARKETS, seconds + 1000)), axis=1)
    paths += np.cumsum(dice.normal(0, 0.5, seconds + 1000))

    def build(market: np.ndarray, sell: np.ndarray, at: np.ndarray, more: float) -> TradeColumns:
        sign = np.where(sell, -1, 1)
        moves = [sign * (paths[market, at + later] - paths[market, at]) - 1 + more for later in HORIZONS]
        return TradeColumns(market, sell, (START + at) * SECOND, dice.integers(0, 4, len(at)), np.stack(moves, axis=1))

    bursts = dice.integers(0, seconds - 120, ALERTS // 10)
    at = np.repeat(bursts, 10) + dice.integers(0, 120, ALERTS)
    sides = np.repeat(dice.random(len(bursts)) < 0.5, 10)
    every = np.arange(0, seconds - 120, 120)
    times = np.concatenate([every + dice.integers(0, 120, len(every)) for _ in range(2 * MARKETS)])
    alerts = build(dice.integers(0, MARKETS, ALERTS), sides, at, edge)
    controls = build(
        np.repeat(np.arange(MARKETS), 2 * len(every)), np.tile(np.repeat([True, False], len(every)), MARKETS), times, 0
    )
    return alerts, controls


def estimate(seed: int, edge: float) -> list[statistics.BlockedMean]:
    """By horizon."""
    alerts, controls = build_world(seed, edge)
    found = []
    for index, seconds in enumerate(HORIZONS):
        matched = matching.match_blocks(alerts, controls, index, max(600, 2 * seconds) * SECOND)
        assert matched is not None
        found.append(statistics.estimate_mean(matched.sums, matched.counts, seed, resamples=500))
    return found


def test_where_nothing_is_planted_something_is_found_as_rarely_as_stated() -> None:
    seeds = 100
    found = [estimate(seed, 0.0) for seed in range(seeds)]
    false = [min(statistics.adjust_for_many([one.p for one in some])) < 0.05 for some in found]
    assert sum(false) <= seeds * 0.05 + 3 * (seeds * 0.05 * 0.95) ** 0.5
    inside = [one.low <= 0 <= one.high for some in found for one in some]
    assert sum(inside) >= 0.9 * len(inside), "those of one world are not independent"


def test_what_is_planted_is_found_and_lies_in_the_interval() -> None:
    found = [estimate(seed, 2.0)[0] for seed in range(20)]
    assert all(one.p < 0.01 and one.mean > 0 for one in found)
    assert sum(one.low <= 2 <= one.high for one in found) >= 16
    against = estimate(3, -2.0)[0]
    assert against.p < 0.01 and against.high < 0


def test_alerts_that_move_together_in_one_block_are_no_evidence() -> None:
    one_block = statistics.estimate_mean(np.array([500.0]), np.array([100.0]), seed=1)
    many = statistics.estimate_mean(np.full(100, 5.0), np.ones(100), seed=1)
    assert one_block.mean == many.mean == 5
    assert one_block.p == 1 and many.p < 0.001


def test_the_same_seed_gives_the_same_figures() -> None:
    assert estimate(7, 1.0) == estimate(7, 1.0)
    sums, counts = np.arange(30.0) - 11, np.ones(30)
    assert statistics.estimate_mean(sums, counts, 1) != statistics.estimate_mean(sums, counts, 2)


def test_holm_adjusts_by_rank_and_keeps_the_order() -> None:
    assert statistics.adjust_for_many([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert statistics.adjust_for_many([0.9, 0.8]) == [1.0, 1.0]
    assert statistics.adjust_for_many([]) == []


def columns(*rows: tuple[int, bool, int, int, float]) -> TradeColumns:
    """Of (market, sell, second, volatility, move)."""
    market, sell, second, volatility, move = (np.array(values) for values in zip(*rows, strict=True))
    return TradeColumns(market, sell, second * SECOND, volatility, move.astype(np.float64).reshape(-1, 1))


def test_an_alert_is_compared_with_its_market_side_hour_and_volatility() -> None:
    same = [(1, False, 100 + number, 2, 3.0) for number in range(3)]
    week_later = [(1, False, 100 + 7 * 86_400, 2, 7.0)]
    others = [
        *[(2, False, 100, 2, 99.0)] * 5,
        *[(1, True, 100, 2, 99.0)] * 5,
        *[(1, False, 100 + 3600, 2, 99.0)] * 5,
        *[(1, False, 100, 3, 99.0)] * 5,
    ]
    found = matching.match_blocks(columns((1, False, 50, 2, 10.0)), columns(*same, *week_later, *others), 0, SECOND)
    assert found is not None
    assert (found.alerts, found.mean, found.control_mean) == (1, 10.0, 4.0)
    assert found.sums.sum() == pytest.approx(6.0) and found.counts.sum() == 1
    assert (found.hit_rate, found.control_hit_rate) == (1.0, 1.0)


def test_where_controls_of_its_volatility_are_few_those_of_any_are_taken_and_without_any_an_alert_is_left_out() -> None:
    few = [(1, False, 1, 1, 2.0), *[(1, False, 1, 3, 8.0)] * 2]
    found = matching.match_blocks(columns((1, False, 2, 1, 5.0), (9, False, 2, 1, 5.0)), columns(*few), 0, SECOND)
    assert found is not None and (found.alerts, found.control_mean) == (1, 6.0)
    assert matching.match_blocks(columns((9, False, 2, 1, 5.0)), columns(*few), 0, SECOND) is None
    unknown = columns((1, False, 2, 1, float("nan")))
    assert matching.match_blocks(unknown, columns(*few), 0, SECOND) is None
