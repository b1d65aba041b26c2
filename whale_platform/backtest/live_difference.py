"""Whether the lake gives the alerts that the stream gave: the difference of the two sets, which should be empty.

Left out is what two right answers may differ in: a change of a threshold takes effect within minutes, and around it
both may have applied; a dump was imported whose whales nobody has recomputed yet.

Raises PostgresUnusableError and LakeError's subclasses.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from whale_platform.audit.threshold_history import ThresholdHistory
from whale_platform.backtest.run import find_held_alerts
from whale_platform.domain.whale import build_threshold_periods
from whale_platform.lake.analysis.alert_scan import ScanProgress
from whale_platform.lake.analysis.alert_selection import FoundAlert
from whale_platform.settings import Settings
from whale_platform.stores.asset_tables.thresholds import read_threshold_history
from whale_platform.stores.queries.live_alerts import LiveAlert, read_live_alerts


class DifferentAlert(NamedTuple):
    """An alert that only one side has, or that both have with other dollars; `why` is a sentence for a person."""

    exchange: str
    symbol: str
    kind: str
    trade_id: int
    event_time: datetime
    why: str


@dataclass(frozen=True, slots=True)
class AlertDifference:
    """Of [start, end). same: alerts that both sides have; excused: those left out; different: all others, by time."""

    start: datetime
    end: datetime
    same: int
    excused: int
    different: Sequence[DifferentAlert]


def compare_live_alerts(
    settings: Settings, start: datetime, end: datetime, progress: ScanProgress = lambda *_: None
) -> AlertDifference:
    """Compare the alerts of [start, end), aware UTC, which should have reached all stores."""
    dsn = settings.dsn("dagster")
    history = read_threshold_history(dsn)
    periods = build_threshold_periods(history, settings.threshold_usd)
    live = read_live_alerts(dsn, start, end)
    lake = find_held_alerts(settings.trades_lake, start, end, periods, progress)
    return find_alert_difference(start, end, lake, live, ThresholdHistory(history, settings.threshold_usd))


def find_alert_difference(
    start: datetime,
    end: datetime,
    lake: Iterable[tuple[FoundAlert, datetime]],
    live: Iterable[LiveAlert],
    thresholds: ThresholdHistory,
) -> AlertDifference:
    """Return what is on one side only, or has other dollars there; both sides are of [start, end)."""
    ours = {alert[:4]: (alert, time) for alert, time in lake}
    theirs = {alert[:4]: alert for alert in live}
    different, excused = [], 0
    for key in ours.keys() | theirs.keys():
        alert = theirs.get(key)
        found, time = ours.get(key, (None, None))
        if found is not None and time is not None:
            possible = thresholds.find_possible(found.exchange, found.symbol, time)
            if alert is None and (found.imported or found.usd < max(possible)):
                excused += 1
            elif alert is None:
                different.append(DifferentAlert(*key, time, f"only in the lake, with {found.usd:,.2f} dollars"))
            elif alert.usd != found.usd:
                why = f"{alert.usd:,.2f} dollars live, {found.usd:,.2f} in the lake"
                different.append(DifferentAlert(*key, time, why))
        elif alert is not None:
            possible = thresholds.find_possible(alert.exchange, alert.symbol, alert.event_time)
            if alert.usd >= min(possible, default=alert.usd + 1) and len(possible) > 1:
                excused += 1
            else:
                why = f"only live, with {alert.usd:,.2f} dollars"
                different.append(DifferentAlert(*key, alert.event_time, why))
    same = len(ours.keys() & theirs.keys())
    return AlertDifference(start, end, same, excused, sorted(different, key=lambda one: (one.event_time, one[:4])))
