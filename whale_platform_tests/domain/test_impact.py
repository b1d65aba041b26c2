"""The fit of the square-root law: it finds what was planted, says how sure it is, and has no number for too little."""

import math
import random
from datetime import UTC, datetime, timedelta

import pytest

from whale_platform.domain.impact import BLOCK_S, LEAST_BLOCKS, LEAST_SWEEPS, MarketActivity, SweepMove, fit_impact

START = datetime(2026, 1, 2, tzinfo=UTC)
DAY = MarketActivity(168, 0.03, 2e9)


def plant(
    factor: float, count: int, noise: float, seed: int = 0, step_s: float = 60, burst: int = 1
) -> list[SweepMove]:
    """Sweeps that follow the law, with normal noise (a fraction of the price) that is one for each burst."""
    chance, moves = random.Random(seed), []
    for number in range(count):
        if number % burst == 0:
            wrong = chance.gauss(0, noise)
        notional = 50_000 * chance.paretovariate(1.5)
        moved = factor * DAY.volatility * math.sqrt(notional / DAY.volume) + wrong
        moves.append(SweepMove(START + timedelta(seconds=number // burst * step_s), notional, moved))
    return moves


def test_a_planted_law_is_found_to_the_last_digit_where_nothing_disturbs_it() -> None:
    fit = fit_impact(DAY, plant(0.8, 500, noise=0))
    assert fit.factor == pytest.approx(0.8) and fit.factor_error == pytest.approx(0, abs=1e-9)
    assert (fit.sweeps, fit.time_blocks, fit.note) == (500, 50, None)


def test_least_squares_are_the_smallest() -> None:
    moves = plant(0.8, 300, noise=2e-4)
    fit = fit_impact(DAY, moves)
    assert fit.factor is not None

    def squares(factor: float) -> float:
        sizes = (DAY.volatility * math.sqrt(one.notional / DAY.volume) for one in moves)
        return sum((one.moved - factor * size) ** 2 for one, size in zip(moves, sizes, strict=True))

    assert squares(fit.factor) < min(squares(fit.factor + step) for step in (-0.001, 0.001))


@pytest.mark.parametrize("burst", [1, 10])
def test_the_error_says_how_far_the_factor_is_from_the_planted_one(burst: int) -> None:
    """Of factors that are normal around 0.8, two errors hold 95 of 100; in bursts ten sweeps are but one."""
    within = 0
    for seed in range(200):
        fit = fit_impact(DAY, plant(0.8, 600 * burst, noise=2e-4, seed=seed, step_s=BLOCK_S / 4, burst=burst))
        assert fit.factor is not None and fit.factor_error is not None
        within += abs(fit.factor - 0.8) < 2 * fit.factor_error
    assert 180 <= within <= 199


def test_without_impact_there_is_hardly_ever_a_factor() -> None:
    found = [fit_impact(DAY, plant(0, 600, noise=2e-4, seed=seed)) for seed in range(200)]
    assert sum(fit.factor is not None for fit in found) < 14, "one side of two errors: 2.3 of 100"
    assert all(
        fit.note and fit.note.startswith("no impact that is more than chance: ") for fit in found if not fit.factor
    )


@pytest.mark.parametrize(
    ("activity", "moves", "note"),
    [
        (MarketActivity(23, 0.03, 2e9), plant(0.8, 500, 0), "too little: 23 hours of 24"),
        (DAY, plant(0.8, LEAST_SWEEPS - 1, 0, step_s=600), "too little: 29 sweeps of 30"),
        (DAY, plant(0.8, 500, 0, step_s=1), "too little: 1 blocks of ten minutes of 20"),
        (DAY, [], "too little: 0 sweeps of 30"),
        (MarketActivity(168, 0.0, 2e9), plant(0.8, 500, 0), "the price does not move"),
    ],
)
def test_too_little_gives_no_number_and_says_so(activity: MarketActivity, moves: list[SweepMove], note: str) -> None:
    fit = fit_impact(activity, moves)
    assert (fit.factor, fit.factor_error, fit.note) == (None, None, note)
    assert fit.sweeps == len(moves)


def test_as_little_as_is_enough_gives_one() -> None:
    assert fit_impact(MarketActivity(24, 0.03, 2e9), plant(0.8, LEAST_SWEEPS, 0, step_s=BLOCK_S)).factor is not None
    assert LEAST_BLOCKS < LEAST_SWEEPS
