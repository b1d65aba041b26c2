"""Values and whales of an hour, the lake against Postgres: what differs, located by symbol, hour and minute or trade.

Minutes are compared with windows field by field, exactly; rollups with the sum of their minutes, or with the lake where
the minutes are gone; whales trade by trade against the thresholds of their time. What a symbol lacks as a whole in a
place is counted elsewhere (audit/reconcile.py) and is no difference here. Pure: no place is asked here.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from whale_platform.audit.reconcile import LAKE, POSTGRES, WHALES, ValueDifference
from whale_platform.audit.threshold_history import ThresholdHistory
from whale_platform.domain.id_ranges import IdRanges
from whale_platform.domain.market import MarketHour
from whale_platform.domain.window import WindowSums, find_contradictions, find_differences, merge_sums
from whale_platform.lake.analysis.hour_values import LakeMinute, LargeTrade
from whale_platform.stores.quality.audit_values import StoredAlert, StoredWindow

MAX_TOLD = 3
COMPARED_FIELDS = (
    "side",
    "price",
    "quantity",
    "notional_usd",
    "event_time",
    "received_time",
    "base",
    "quote",
    "usd_via",
)
Value = TypeVar("Value")


class DifferenceCollector:
    """Collects differences by (exchange, symbol, hour) and kind: all are counted, the first are told."""

    def __init__(self) -> None:
        self._found: dict[MarketHour, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._counts: dict[tuple[MarketHour, str], int] = defaultdict(int)
        self.not_yet: dict[MarketHour, dict[str, int]] = {}

    def add(self, key: MarketHour, kind: str, text: str) -> None:
        """Count one difference, and keep its text while there are few."""
        self._counts[key, kind] += 1
        if len(self._found[key][kind]) < MAX_TOLD:
            self._found[key][kind].append(text)

    def add_not_yet(self, key: MarketHour, system: str) -> None:
        """One more that has not arrived in that place yet."""
        by_system = self.not_yet.setdefault(key, {})
        by_system[system] = by_system.get(system, 0) + 1

    def group_by_market_hour(self) -> dict[MarketHour, tuple[ValueDifference, ...]]:
        """Of each key one a kind."""
        return {
            key: tuple(
                ValueDifference(kind, self._counts[key, kind], "; ".join(texts)) for kind, texts in kinds.items()
            )
            for key, kinds in self._found.items()
        }


@dataclass(frozen=True, slots=True)
class ComparedHour:
    """An hour in both places: minutes by (exchange, symbol, minute), rollups by (exchange, symbol, hour).

    rollups_due: what the stream changed before then its rollup has to show. waiting: ids that a place has not got to
    yet, by exchange, symbol and hour.
    """

    start: datetime
    lake: Mapping[MarketHour, LakeMinute]
    windows: Mapping[MarketHour, StoredWindow]
    rollups: Mapping[MarketHour, WindowSums]
    rollups_due: datetime
    waiting: Mapping[MarketHour, Mapping[str, IdRanges]]


def compare_sums(hour: ComparedHour, differences: DifferenceCollector) -> None:
    """Add what differs between the lake's minutes, the windows and the rollups of this hour."""
    minutes, windows = _group_by_market(hour.lake), _group_by_market(hour.windows)
    for name in sorted({*minutes, *windows}):
        key, lake, table = (*name, hour.start), minutes.get(name, {}), windows.get(name, {})
        for at in sorted({*lake, *table}) if lake and table else ():
            waiting = hour.waiting.get(key, {})
            _compare_minute(key, at, lake.get(at), table.get(at), waiting, differences)
        if (rollup := hour.rollups.get(key)) is None:
            continue
        if table:
            if max(window.updated_at for window in table.values()) < hour.rollups_due:
                _compare_rollup(
                    key, rollup, merge_sums([table[at].sums for at in sorted(table)]), "the windows", differences
                )
        elif lake and not any(one.late for one in lake.values()):
            _compare_rollup(key, rollup, merge_sums([lake[at].sums for at in sorted(lake)]), "the lake", differences)


def _group_by_market(values: Mapping[MarketHour, Value]) -> dict[tuple[str, str], dict[datetime, Value]]:
    by: dict[tuple[str, str], dict[datetime, Value]] = defaultdict(dict)
    for (exchange, symbol, at), value in values.items():
        by[exchange, symbol][at] = value
    return by


def _compare_minute(
    key: MarketHour,
    at: datetime,
    lake: LakeMinute | None,
    row: StoredWindow | None,
    waiting: Mapping[str, IdRanges],
    differences: DifferenceCollector,
) -> None:
    window = row.sums if row else None
    if lake is not None and (lake.late or (lake.imported and (window is None or window.trades != lake.sums.trades))):
        return  # still on its way, or an import whose windows nobody has made yet
    there = lake.sums if lake else None
    if _is_awaited(waiting.get(POSTGRES), there, window) or _is_awaited(waiting.get(LAKE), window, there):
        return  # told by number of trades: not yet
    if there is None or window is None:
        system, only = (LAKE, window) if there is None else (POSTGRES, there)
        assert only is not None
        differences.add(key, f"minute missing in {system}", f"{at:%H:%M} with {only.trades:,} trades")
        return
    assert lake is not None and row is not None
    sums = [(name, getattr(window, name), getattr(there, name)) for name in find_differences(there, window)]
    more = find_contradictions(row.detail, lake.detail) if window.trades == there.trades else ()
    for name, here, other in (*sums, *((name, getattr(row.detail, name), getattr(lake.detail, name)) for name in more)):
        differences.add(key, name, f"{at:%H:%M}: {_format_value(here)} in Postgres, {_format_value(other)} in the lake")


def _is_awaited(waiting: IdRanges | None, ahead: WindowSums | None, lagging: WindowSums | None) -> bool:
    """Whether what one place has more than the other has not arrived there yet."""
    lacking = (ahead.trades if ahead else 0) - (lagging.trades if lagging else 0)
    return bool(waiting and ahead and 0 < lacking <= waiting.count_within(ahead.first_id, ahead.last_id))


def _compare_rollup(
    key: MarketHour, rollup: WindowSums, expected: WindowSums, system: str, differences: DifferenceCollector
) -> None:
    for name in find_differences(rollup, expected):
        stored, right = _format_value(getattr(rollup, name)), _format_value(getattr(expected, name))
        differences.add(key, f"rollup {name}", f"{stored} in the rollup, {right} in {system}")


def compare_whales(
    hour: datetime,
    large: Iterable[LargeTrade],
    alerts: Iterable[StoredAlert],
    limits: ThresholdHistory,
    windows: Mapping[MarketHour, StoredWindow],
    required: bool,
    find_within_aggregates: Callable[[Collection[tuple[str, str, int]]], Collection[tuple[str, str, int]]],
    is_in_transit: Callable[[str, MarketHour, int], bool],
    differences: DifferenceCollector,
) -> None:
    """Add whales too many, too few and wrong; both sides in order of exchange, symbol and id.

    An imported trade's whale is owed once its minute has a window, another's unless the stream that made that window
    had no dollar value for its currency, or was of a time before that was stored. `required`: whether Postgres has to
    have the hour.
    `find_within_aggregates`: which of these trades the lake has only within an aggregate; called after `large` ends.
    `is_in_transit(system, key, trade id)`: whether the trade has not arrived there yet.
    """
    unknown: list[StoredAlert] = []
    for (exchange, symbol, trade_id), trade, alert in _merge_by_trade(large, alerts):
        key = exchange, symbol, hour
        if trade is None:
            assert alert is not None
            if not is_in_transit(LAKE, key, trade_id):
                unknown.append(alert)
            continue
        possible = limits.find_possible(exchange, symbol, trade.event_time)
        if alert is None:
            window = windows.get((exchange, symbol, trade.event_time.replace(second=0, microsecond=0)))
            valued = window is None or window.detail.usd_via is not None
            due = required and not trade.late and (window is not None if trade.imported else valued)
            if due and possible and trade.notional_usd >= max(possible):
                if is_in_transit(WHALES, key, trade_id):
                    differences.add_not_yet(key, WHALES)
                    continue
                differences.add(key, "whale missing", f"trade {trade_id} of {_format_value(trade.notional_usd)} USD")
            continue
        if trade.notional_usd < min(possible, default=Decimal("inf")):
            differences.add(
                key, "whale too many", f"trade {trade_id} of {_format_value(trade.notional_usd)} USD is below threshold"
            )
        for name in COMPARED_FIELDS:
            one, other = getattr(alert, name), getattr(trade, name)
            if one != other and one is not None and other is not None:
                words = f"trade {trade_id}: {_format_value(one)} in Postgres, {_format_value(other)} in the lake"
                differences.add(key, f"whale {name}", words)
        if alert.threshold_usd not in possible:
            applied = " or ".join(_format_value(usd) for usd in sorted(possible)) or "none"
            words = f"trade {trade_id}: {_format_value(alert.threshold_usd)} where {applied} applied"
            differences.add(key, "whale threshold_usd", words)
    hidden = find_within_aggregates([one[:3] for one in unknown]) if unknown else ()
    for one in unknown:
        if one[:3] not in hidden:
            words = f"trade {one.trade_id} of {_format_value(one.notional_usd)} USD is none of the lake's"
            differences.add((one.exchange, one.symbol, hour), "whale too many", words)


def _merge_by_trade(
    large: Iterable[LargeTrade], alerts: Iterable[StoredAlert]
) -> Iterator[tuple[tuple[str, str, int], LargeTrade | None, StoredAlert | None]]:
    """Both in step by identity: neither is held as a whole."""
    left, right = iter(large), iter(alerts)
    trade, alert = next(left, None), next(right, None)
    while trade is not None or alert is not None:
        if alert is None or (trade is not None and trade[:3] < alert[:3]):
            assert trade is not None
            yield trade[:3], trade, None
            trade = next(left, None)
        elif trade is None or alert[:3] < trade[:3]:
            yield alert[:3], None, alert
            alert = next(right, None)
        else:
            yield trade[:3], trade, alert
            trade, alert = next(left, None), next(right, None)


def _format_value(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if not isinstance(value, Decimal):
        return str(value)
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
