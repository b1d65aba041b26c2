"""Whether a mean of dependent observations differs from nothing: by blocks of time, with plain resampling.

Alerts come in bursts and their prices overlap, so they are no independent draws. What is resampled is a block of time,
the sum of all that lies in it. Seeded: the same data give the same figures.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 4000
CONFIDENCE = 0.95
_MOST = 4_000_000  # numbers in memory at once

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BlockedMean:
    """A mean of differences, its interval and the chance of one as far from 0 where labels mean nothing."""

    mean: float
    low: float
    high: float
    p: float


def estimate_mean(sums: Numbers, counts: Numbers, seed: int, resamples: int = RESAMPLES) -> BlockedMean:
    """Estimate the mean of differences: sums and counts of them by block; at least one count is above 0.

    The interval is that of a bootstrap of blocks. The permutation test swaps the labels, alert or ordinary trade, of
    all that lies in a block, which turns the sign of its sum.
    """
    total = float(counts.sum())
    mean = float(sums.sum()) / total
    dice = np.random.default_rng(seed)
    drawn, far = [], 0
    limit = abs(float(sums.sum())) * (1 - 1e-12)
    for rows in _split(resamples, len(sums)):
        chosen = dice.integers(len(sums), size=(rows, len(sums)))
        with np.errstate(invalid="ignore", divide="ignore"):  # a draw of blocks without an alert has no mean
            drawn.append(sums[chosen].sum(axis=1) / counts[chosen].sum(axis=1))
        signs = dice.integers(0, 2, size=(rows, len(sums)), dtype=np.int8) * 2 - 1
        far += int(np.count_nonzero(np.abs(signs @ sums) >= limit))
    means = np.concatenate(drawn)
    means = means[np.isfinite(means)]
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]) if len(means) else (mean, mean)
    return BlockedMean(mean, float(low), float(high), (1 + far) / (1 + resamples))


def adjust_for_many(chances: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values: of all tests together, a false one is found as rarely as of one alone."""
    order = sorted(range(len(chances)), key=lambda number: chances[number])
    adjusted, highest = [0.0] * len(chances), 0.0
    for rank, number in enumerate(order):
        highest = max(highest, min(1.0, (len(chances) - rank) * chances[number]))
        adjusted[number] = highest
    return adjusted


def _split(resamples: int, blocks: int) -> Iterator[int]:
    rows = max(1, _MOST // max(1, blocks))
    for start in range(0, resamples, rows):
        yield min(rows, resamples - start)
