"""Runs rules over the lake: one scan of its hours, then each rule's alerts against ordinary trades.

Raises LakeError's subclasses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from whale_platform.backtest import matching, statistics
from whale_platform.backtest.results import BacktestResult, HorizonResult, RuleResult
from whale_platform.backtest.rules import AlertRule
from whale_platform.domain.whale import ThresholdPeriod, list_limits
from whale_platform.exchanges.market_kinds import MARKET_KINDS
from whale_platform.lake.analysis import alert_selection
from whale_platform.lake.analysis.alert_scan import AlertScan, ScanProgress, ScanRequest, ThresholdSince, scan_alerts
from whale_platform.lake.analysis.alert_selection import AlertConditions, FoundAlert, TradeColumns
from whale_platform.storage.folders import Folder

SECOND_US = 1_000_000
HORIZONS_S = (1, 10, 60, 300, 900)
SHORTEST_BLOCK_US = 600 * SECOND_US
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class BacktestRequest:
    """Rules over [start, end), aware UTC. thresholds: what held when, oldest first, for the rules that take it."""

    rules: Sequence[AlertRule]
    start: datetime
    end: datetime
    thresholds: Sequence[ThresholdPeriod] = ()
    seed: int = 0


def run_backtest(root: Folder, request: BacktestRequest, progress: ScanProgress) -> BacktestResult:
    """Return the figures of every rule, in their order."""
    limits = _ThresholdFinder(request)
    asked = ScanRequest(
        request.start,
        request.end,
        [seconds * SECOND_US for seconds in HORIZONS_S],
        limits.find_floor,
        limits.find_changes,
        any(rule.share is not None for rule in request.rules),
        request.seed,
    )
    with scan_alerts(root, asked, progress) as scan:
        controls = alert_selection.select_controls(scan)
        results = [_evaluate_rule(scan, rule, controls, request.seed) for rule in request.rules]
        return BacktestResult(
            request.start, request.end, scan.covered_hours, scan.trades, request.seed, _adjust_chances(results)
        )


def find_held_alerts(
    root: Folder, start: datetime, end: datetime, thresholds: Sequence[ThresholdPeriod], progress: ScanProgress
) -> list[tuple[FoundAlert, datetime]]:
    """Return every whale of [start, end) by the thresholds that held, with its time: what the stream emits."""
    rules = [AlertRule(name=kind, threshold="held", market_kind=kind) for kind in MARKET_KINDS]
    limits = _ThresholdFinder(BacktestRequest(rules, start, end, thresholds))
    asked = ScanRequest(start, end, (SECOND_US,), limits.find_floor, limits.find_changes)
    with scan_alerts(root, asked, progress) as scan:
        alerts, columns = alert_selection.select_alerts(scan, AlertConditions(held=True))
    times = [EPOCH + timedelta(microseconds=time) for time in columns.time.tolist()]
    return list(zip(alerts, times, strict=True))


class _ThresholdFinder:
    """The dollars from which a market's trades are wanted by any of the rules."""

    def __init__(self, request: BacktestRequest) -> None:
        self._request = request
        self._changes: dict[tuple[str, str], list[ThresholdSince]] = {}

    def find_changes(self, exchange: str, symbol: str) -> list[ThresholdSince]:
        """What held when in a market, oldest first."""
        market, asked = (exchange, symbol), self._request
        if market not in self._changes:
            held = list_limits(asked.thresholds, *market, asked.start, asked.end) if asked.thresholds else ()
            changes = [(_to_us(since), None if limits is None else limits.whale) for since, limits in held]
            self._changes[market] = changes
        return self._changes[market]

    def find_floor(self, exchange: str, symbol: str) -> Decimal | None:
        """The least that any rule asks for; None where none covers the market."""
        floors = []
        for rule in self._request.rules:
            if not rule.covers(exchange, symbol):
                continue
            held = [usd for _, usd in self.find_changes(exchange, symbol) if usd is not None] if rule.held else []
            if rule.held and not held:
                continue
            floors.append(max(min(held, default=Decimal(0)), rule.minimum_usd or Decimal(0)))
        return min(floors, default=None)


def _to_us(time: datetime) -> int:
    return (time - EPOCH) // timedelta(microseconds=1)


def _evaluate_rule(scan: AlertScan, rule: AlertRule, controls: TradeColumns, seed: int) -> RuleResult:
    alerts, columns = alert_selection.select_alerts(scan, rule.build_conditions())
    kept = select_after_cooldown(alerts, columns, rule)
    columns = columns.take(kept)
    return RuleResult(
        rule.name,
        len(kept),
        len(kept) * 24 / scan.covered_hours if scan.covered_hours else 0.0,
        len(alerts) - len(kept),
        sum((alerts[index].usd for index in kept.tolist()), Decimal(0)),
        tuple(
            result
            for index, seconds in enumerate(HORIZONS_S)
            if (result := _evaluate_horizon(columns, controls, index, seconds, seed)) is not None
        ),
    )


def select_after_cooldown(alerts: Sequence[FoundAlert], columns: TradeColumns, rule: AlertRule) -> NDArray[np.int64]:
    """Return the indices of the alerts that a rule's cooldown lets pass."""
    if not rule.cooldown_s:
        return np.arange(len(alerts))
    last: dict[object, int] = {}
    kept, pause = [], round(rule.cooldown_s * SECOND_US)
    for index, (alert, time) in enumerate(zip(alerts, columns.time.tolist(), strict=True)):
        group = {"market": (alert.exchange, alert.symbol), "base": alert.base, "all": None}[rule.group]
        if group not in last or time - last[group] >= pause:
            last[group] = time
            kept.append(index)
    return np.array(kept, dtype=np.int64)


def _evaluate_horizon(
    alerts: TradeColumns, controls: TradeColumns, index: int, seconds: int, seed: int
) -> HorizonResult | None:
    block_us = max(SHORTEST_BLOCK_US, 2 * seconds * SECOND_US)
    matched = matching.match_blocks(alerts, controls, index, block_us)
    if matched is None:
        return None
    found = statistics.estimate_mean(matched.sums, matched.counts, seed)
    return HorizonResult(
        seconds,
        matched.alerts,
        int(np.count_nonzero(matched.counts)),
        matched.mean,
        matched.control_mean,
        found.mean,
        found.low,
        found.high,
        matched.hit_rate,
        matched.control_hit_rate,
        found.p,
        found.p,
    )


def _adjust_chances(rules: Sequence[RuleResult]) -> list[RuleResult]:
    tested = [(rule.name, one.seconds) for rule in rules for one in rule.horizons if one.enough]
    chances = [one.p for rule in rules for one in rule.horizons if one.enough]
    adjusted: Mapping[tuple[str, float], float] = dict(zip(tested, statistics.adjust_for_many(chances), strict=True))
    return [
        replace(
            rule,
            horizons=tuple(
                replace(one, p_adjusted=adjusted.get((rule.name, one.seconds), 1.0)) for one in rule.horizons
            ),
        )
        for rule in rules
    ]
