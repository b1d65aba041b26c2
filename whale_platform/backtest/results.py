"""What a back-test finds: figures by rule and time after the alert, and the verdict in plain words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

Verdict = Literal["edge", "no edge", "too few"]
SIGNIFICANT = 0.05
LEAST_BLOCKS = 20  # of time with alerts: of fewer the permutation test says nothing


@dataclass(frozen=True, slots=True)
class HorizonResult:
    """What came so many seconds after the alerts of a rule, against ordinary trades (backtest/matching.py).

    alerts: those with a price then and with controls; blocks: of time, in which they lie. Means, difference and its
    95 % interval (low, high): basis points in the taker's favour; hit rates: shares that moved in the taker's favour;
    p: of the permutation test, p_adjusted: by Holm, over all rules and times of the run.
    """

    seconds: float
    alerts: int
    blocks: int
    mean: float
    control_mean: float
    difference: float
    low: float
    high: float
    hit_rate: float
    control_hit_rate: float
    p: float
    p_adjusted: float

    @property
    def enough(self) -> bool:
        """Whether there are enough of them for a verdict."""
        return self.blocks >= LEAST_BLOCKS

    @property
    def significant(self) -> bool:
        """Whether the difference is more than chance, with all other tests of the run in mind."""
        return self.enough and self.p_adjusted < SIGNIFICANT


@dataclass(frozen=True, slots=True)
class RuleResult:
    """One rule. usd: dollars of its alerts; suppressed: alerts that its cooldown held back."""

    name: str
    alerts: int
    alerts_per_day: float
    suppressed: int
    usd: Decimal
    horizons: tuple[HorizonResult, ...]

    @property
    def verdict(self) -> Verdict:
        """`edge` where one of the times differs by more than chance; `too few` where none could."""
        if any(one.significant for one in self.horizons):
            return "edge"
        return "no edge" if any(one.enough for one in self.horizons) else "too few"

    @property
    def explanation(self) -> str:
        """The verdict in a sentence."""
        if self.verdict == "too few":
            most = max((one.blocks for one in self.horizons), default=0)
            return (
                f"too few: {self.alerts:,} alerts in {most} blocks of time, and a verdict needs {LEAST_BLOCKS}: take "
                "more days or a lower bound"
            )
        if self.verdict == "no edge":
            return "no edge: at no time after these alerts is the price elsewhere than after ordinary trades"
        best = max((one for one in self.horizons if one.significant), key=lambda one: abs(one.difference))
        way = "further on in the whale's direction" if best.difference > 0 else "further back against the whale"
        return (
            f"edge: {format_seconds(best.seconds)} after these alerts the price is {abs(best.difference):.2f} bp {way} "
            f"than after ordinary trades (95 %: {best.low:+.2f} to {best.high:+.2f}, adjusted p {best.p_adjusted:.4f})"
        )


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """A run over [start, end), aware UTC. hours: those of it that the lake has; trades: rows read; seed: as given."""

    start: datetime
    end: datetime
    hours: float
    trades: int
    seed: int
    rules: Sequence[RuleResult]


def format_seconds(seconds: float) -> str:
    """`10 s`, `5 min`."""
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"
