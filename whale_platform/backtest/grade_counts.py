"""What a grade consists of: how many there are and how many of them are found; how many are found, and how many right.

Precision and recall come with 95 % intervals by Wilson's formula, since a day may have few.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

Z = 1.96


class GradeCounts(NamedTuple):
    """actual: true ones; recalled: of those, found; found: all that were; correct: of those, right."""

    actual: int = 0
    recalled: int = 0
    found: int = 0
    correct: int = 0

    def add(self, other: "GradeCounts") -> "GradeCounts":
        """Return the sum."""
        return GradeCounts(*(one + two for one, two in zip(self, other, strict=True)))

    @property
    def recall(self) -> float | None:
        """The share of the true ones that are found; None without any."""
        return self.recalled / self.actual if self.actual else None

    @property
    def precision(self) -> float | None:
        """The share of the found ones that are right; None without any."""
        return self.correct / self.found if self.found else None


class GradeLine(NamedTuple):
    """The counts of one subject (`sweeps`, `robots`, `clusters`) by one truth, in one band of size or noise."""

    subject: str
    truth: str
    band: str
    counts: GradeCounts


def sum_lines(lines: Iterable[GradeLine]) -> list[GradeLine]:
    """Return one line for each subject, truth and band, in their first order."""
    sums: dict[tuple[str, str, str], GradeCounts] = {}
    for line in lines:
        sums[line[:3]] = sums.get(line[:3], GradeCounts()).add(line.counts)
    return [GradeLine(*key, counts) for key, counts in sums.items()]


def estimate_interval(hits: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, from 0 to 1. Raises ZeroDivisionError without any."""
    share, spread = hits / count, Z * Z / count
    middle = (share + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * math.sqrt(share * (1 - share) / count + spread / (4 * count))
    return max(0.0, middle - half), min(1.0, middle + half)
