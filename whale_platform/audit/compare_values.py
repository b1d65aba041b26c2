"""Values of an hour, the lake against Postgres: what differs, located by symbol, hour and minute.

Minutes are compared with windows field by field, exactly; rollups with the sum of their minutes, or with the lake where
the minutes are gone. What a symbol lacks as a whole in a place is counted elsewhere (audit/reconcile.py) and is no
difference here. Pure: no place is asked here.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from whale_platform.audit.reconcile import LAKE, POSTGRES, ValueDifference
from whale_platform.domain.id_ranges import IdRanges
from whale_platform.domain.market import MarketHour
from whale_platform.domain.window import WindowSums, find_contradictions, find_differences, merge_sums
from whale_platform.lake.analysis.hour_values import LakeMinute
from whale_platform.stores.quality.audit_values import StoredWindow

MAX_TOLD = 3
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
        differences.add(key, name, f"{at:%H:%M}: {format_value(here)} in Postgres, {format_value(other)} in the lake")


def _is_awaited(waiting: IdRanges | None, ahead: WindowSums | None, lagging: WindowSums | None) -> bool:
    """Whether what one place has more than the other has not arrived there yet."""
    lacking = (ahead.trades if ahead else 0) - (lagging.trades if lagging else 0)
    return bool(waiting and ahead and 0 < lacking <= waiting.count_within(ahead.first_id, ahead.last_id))


def _compare_rollup(
    key: MarketHour, rollup: WindowSums, expected: WindowSums, system: str, differences: DifferenceCollector
) -> None:
    for name in find_differences(rollup, expected):
        stored, right = format_value(getattr(rollup, name)), format_value(getattr(expected, name))
        differences.add(key, f"rollup {name}", f"{stored} in the rollup, {right} in {system}")


def format_value(value: object) -> str:
    """A value of a difference as people read it: every digit, no trailing zeros."""
    if isinstance(value, datetime):
        return value.isoformat()
    if not isinstance(value, Decimal):
        return str(value)
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
