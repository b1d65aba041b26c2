"""Compares what comes after alerts with what comes after ordinary trades of the same kind of moment.

An alert is compared with the ordinary trades of its market and side, of the same hour of the week and the same class of
volatility; where those are too few, of any volatility. So a rule gets no credit for trading in busy hours or in
trending symbols, and the spread, which a taker always pays, is in both. Plain functions over numpy columns.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whale_platform.lake.analysis.alert_selection import TradeColumns

LEAST_CONTROLS = 3
HOUR_US, WEEK_HOURS = 3_600_000_000, 168
_CLASSES = 8  # more than there are
Integers = NDArray[np.int64]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MatchedBlocks:
    """Alerts of one horizon against their controls.

    alerts: how many have a price and controls; mean, hit_rate: of them (basis points; share that moved in the taker's
    favour); control_mean, control_hit_rate: of the controls, weighted as the alerts are. sums, counts: by block of
    time, the sum of differences that lie in it and the alerts.
    """

    alerts: int
    mean: float
    control_mean: float
    hit_rate: float
    control_hit_rate: float
    sums: Numbers
    counts: Numbers


def match_blocks(alerts: TradeColumns, controls: TradeColumns, horizon: int, block_us: int) -> MatchedBlocks | None:
    """Compare the moves of one horizon (its index); None where no alert has a price and controls."""
    alerts = alerts.take(np.flatnonzero(np.isfinite(alerts.moves[:, horizon])))
    controls = controls.take(np.flatnonzero(np.isfinite(controls.moves[:, horizon])))
    chosen, groups = _assign_groups(alerts, controls)
    if not len(chosen):
        return None
    moves, after = alerts.moves[chosen, horizon], controls.moves[:, horizon]
    of_chosen = groups.of_alerts[chosen]
    sizes = np.bincount(of_chosen, minlength=groups.count)
    with np.errstate(invalid="ignore", divide="ignore"):  # a group without an alert is looked up nowhere
        means = groups.sum_controls(after) / groups.members
        hits = groups.sum_controls((after > 0).astype(np.float64)) / groups.members
        weights = sizes / groups.members
    times, sums = [alerts.time[chosen] // block_us], [moves - means[of_chosen]]
    for of_controls in groups.of_controls:
        inside = np.flatnonzero((of_controls >= 0) & (sizes[of_controls] > 0))
        group = of_controls[inside]
        times.append(controls.time[inside] // block_us)
        sums.append(-weights[group] * (after[inside] - means[group]))
    blocks, where = np.unique(np.concatenate(times), return_inverse=True)
    return MatchedBlocks(
        len(chosen),
        float(moves.mean()),
        float(means[of_chosen].mean()),
        float((moves > 0).mean()),
        float(hits[of_chosen].mean()),
        np.bincount(where, weights=np.concatenate(sums), minlength=len(blocks)).astype(np.float64),
        np.bincount(where[: len(chosen)], minlength=len(blocks)).astype(np.float64),
    )


@dataclass(frozen=True, slots=True)
class _Groups:
    """Controls by what they have in common: a number for each group, first the narrow ones, then the wide ones."""

    of_alerts: Integers
    of_controls: tuple[Integers, Integers]
    count: int

    @property
    def members(self) -> Numbers:
        return self.sum_controls(np.ones(len(self.of_controls[0])))

    def sum_controls(self, values: Numbers) -> Numbers:
        total = np.zeros(self.count)
        for of_controls in self.of_controls:
            total += np.bincount(of_controls, weights=values, minlength=self.count)
        return total


def _assign_groups(alerts: TradeColumns, controls: TradeColumns) -> tuple[Integers, _Groups]:
    """Return the indices of the alerts that have controls, and the groups."""
    found, of_controls, first = np.full(len(alerts.time), -1), [], 0
    for narrow in (True, False):
        names, group = np.unique(_build_keys(controls, narrow), return_inverse=True)
        of_controls.append(group + first)
        keys = _build_keys(alerts, narrow)
        index = np.minimum(np.searchsorted(names, keys), max(0, len(names) - 1))
        enough = np.zeros(len(keys), dtype=bool)
        if len(names):
            enough = (names[index] == keys) & (np.bincount(group)[index] >= LEAST_CONTROLS)
        found = np.where((found < 0) & enough, index + first, found)
        first += len(names)
    return np.flatnonzero(found >= 0), _Groups(found, (of_controls[0], of_controls[1]), first)


def _build_keys(trades: TradeColumns, narrow: bool) -> Integers:
    hour = trades.time // HOUR_US % WEEK_HOURS
    keys = (trades.market * 2 + trades.sell) * WEEK_HOURS + hour
    return keys * _CLASSES + (trades.volatility if narrow else _CLASSES - 1)
