"""The square-root law of market impact, fitted to a market's own sweeps: how far an order of a size moves the price.

I = Y x volatility x sqrt(Q / V), with the volatility and the volume V of a day. Y is found by least squares through the
origin over the moves from the price before each sweep to that a second after it. A second, because chance grows with
time and impact does not: on real trades Y is surest then (docs/concepts/whales.md has the figures). Sweeps come in
bursts, so the error of Y takes blocks of ten minutes as independent and not sweeps. Where there is too little, or where
Y can't be told from none, there is no factor, and the reason in its place. Estimates: floating point.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from math import sqrt
from typing import NamedTuple

DAYS = 7
LEAST_HOURS, LEAST_SWEEPS, LEAST_BLOCKS = 24, 30, 20
LEAST_ERRORS = 2.0  # that Y must be above none, to be more than chance
BLOCK_S = 600


@dataclass(frozen=True, slots=True)
class MarketActivity:
    """How a market trades: `volatility` of a day (a fraction), `volume` of a day (quote currency), from `hours`."""

    hours: int
    volatility: float
    volume: float


class SweepMove(NamedTuple):
    """A sweep's time, its notional (quote currency) and how far the price moved with it (a fraction of the price)."""

    event_time: datetime
    notional: float
    moved: float


@dataclass(frozen=True, slots=True)
class ImpactFit:
    """factor: Y, with its standard error; None where `note` says why there is none. time_blocks: of BLOCK_S seconds."""

    sweeps: int
    time_blocks: int
    factor: float | None = None
    factor_error: float | None = None
    note: str | None = None


def fit_impact(activity: MarketActivity, moves: Iterable[SweepMove]) -> ImpactFit:
    """Fit Y to these sweeps."""
    blocks: dict[int, list[tuple[float, float]]] = defaultdict(list)
    sweeps = 0
    for move in moves:
        size = activity.volatility * sqrt(move.notional / activity.volume)
        blocks[int(move.event_time.timestamp()) // BLOCK_S].append((size, move.moved))
        sweeps += 1
    if short := _explain_shortage(activity, sweeps, len(blocks)):
        return ImpactFit(sweeps, len(blocks), note=short)
    squares = sum(size * size for some in blocks.values() for size, _ in some)
    if not squares:
        return ImpactFit(sweeps, len(blocks), note="the price does not move")
    factor = sum(size * moved for some in blocks.values() for size, moved in some) / squares
    errors = (sum(size * (moved - factor * size) for size, moved in some) for some in blocks.values())
    error = sqrt(sum(one * one for one in errors) * len(blocks) / (len(blocks) - 1)) / squares
    if factor <= LEAST_ERRORS * error:
        return ImpactFit(sweeps, len(blocks), note=f"no impact that is more than chance: {factor:.2f} ± {error:.2f}")
    return ImpactFit(sweeps, len(blocks), factor, error)


def _explain_shortage(activity: MarketActivity, sweeps: int, blocks: int) -> str | None:
    if activity.hours < LEAST_HOURS:
        return f"too little: {activity.hours} hours of {LEAST_HOURS}"
    if sweeps < LEAST_SWEEPS:
        return f"too little: {sweeps} sweeps of {LEAST_SWEEPS}"
    return f"too little: {blocks} blocks of ten minutes of {LEAST_BLOCKS}" if blocks < LEAST_BLOCKS else None
