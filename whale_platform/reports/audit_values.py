"""Values and whales of an hour, the lake against Postgres: what differs, located by symbol, hour and minute or trade.

Minutes are compared with windows field by field, exactly; rollups with the sum of their minutes, or with the lake where
the minutes are gone; whales trade by trade against the thresholds of their time. What a symbol lacks as a whole in a
place is counted elsewhere (reports/audit.py) and is no difference here. Pure: no place is asked here.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from whale_platform.domain.sums import Sums, differing, fold
from whale_platform.lake.values import Large, Minute
from whale_platform.reports.audit import Difference, Key
from whale_platform.reports.limits import WhaleLimits
from whale_platform.stores.audit_values import Alert

SHOWN = 3
Value = TypeVar("Value")


class Differences:
    """Collects differences by (exchange, symbol, hour) and kind: all are counted, the first are told."""

    def __init__(self) -> None:
        self._found: dict[Key, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._counts: dict[tuple[Key, str], int] = defaultdict(int)

    def add(self, key: Key, kind: str, what: str) -> None:
        """One more."""
        self._counts[key, kind] += 1
        if len(self._found[key][kind]) < SHOWN:
            self._found[key][kind].append(what)

    def by_key(self) -> dict[Key, tuple[Difference, ...]]:
        """Of each key one a kind."""
        return {
            key: tuple(Difference(kind, self._counts[key, kind], "; ".join(texts)) for kind, texts in kinds.items())
            for key, kinds in self._found.items()
        }


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour in both places: minutes by (exchange, symbol, minute), rollups by (exchange, symbol, hour).

    rollups_due: what the stream changed before then its rollup has to show.
    """

    start: datetime
    lake: Mapping[Key, Minute]
    windows: Mapping[Key, tuple[Sums, datetime]]
    rollups: Mapping[Key, Sums]
    rollups_due: datetime


def compare_sums(hour: Hour, found: Differences) -> None:
    """Add what differs between the lake's minutes, the windows and the rollups of this hour."""
    minutes, windows = _by_symbol(hour.lake), _by_symbol(hour.windows)
    for name in sorted({*minutes, *windows}):
        key, lake, table = (*name, hour.start), minutes.get(name, {}), windows.get(name, {})
        for at in sorted({*lake, *table}) if lake and table else ():
            _compare_minute(key, at, lake.get(at), table[at][0] if at in table else None, found)
        if (rollup := hour.rollups.get(key)) is None:
            continue
        if table:
            if max(changed for _, changed in table.values()) < hour.rollups_due:
                _compare_rollup(key, rollup, fold([table[at][0] for at in sorted(table)]), "the windows", found)
        elif lake and not any(one.late for one in lake.values()):
            _compare_rollup(key, rollup, fold([lake[at].sums for at in sorted(lake)]), "the lake", found)


def _by_symbol(found: Mapping[Key, Value]) -> dict[tuple[str, str], dict[datetime, Value]]:
    by: dict[tuple[str, str], dict[datetime, Value]] = defaultdict(dict)
    for (exchange, symbol, at), value in found.items():
        by[exchange, symbol][at] = value
    return by


def _compare_minute(key: Key, at: datetime, lake: Minute | None, window: Sums | None, found: Differences) -> None:
    if lake is not None and (lake.late or (lake.imported and (window is None or window.trades != lake.sums.trades))):
        return  # still on its way, or an import whose windows nobody has made yet
    if lake is None or window is None:
        place, there = ("lake", window) if lake is None else ("Postgres", lake.sums)
        assert there is not None
        found.add(key, f"minute missing in {place}", f"{at:%H:%M} with {there.trades:,} trades")
        return
    for name in differing(lake.sums, window):
        words = f"{at:%H:%M}: {_text(getattr(window, name))} in Postgres, {_text(getattr(lake.sums, name))} in the lake"
        found.add(key, name, words)


def _compare_rollup(key: Key, rollup: Sums, truth: Sums, place: str, found: Differences) -> None:
    for name in differing(rollup, truth):
        words = f"{_text(getattr(rollup, name))} in the rollup, {_text(getattr(truth, name))} in {place}"
        found.add(key, f"rollup {name}", words)


def compare_whales(
    hour: datetime,
    large: Iterable[Large],
    alerts: Iterable[Alert],
    limits: WhaleLimits,
    windows: Mapping[Key, object],
    owed: bool,
    covered: Callable[[Collection[tuple[str, str, int]]], Collection[tuple[str, str, int]]],
    found: Differences,
) -> None:
    """Add whales too many, too few and wrong; both sides in order of exchange, symbol and id.

    An imported trade's whale is owed once its minute has a window. `owed`: whether Postgres has to have the hour.
    `covered`: which of these trades the lake has only within an aggregate; it is asked after `large` has ended.
    """
    unknown: list[Alert] = []
    for (exchange, symbol, trade_id), trade, alert in _joined(large, alerts):
        key = exchange, symbol, hour
        if trade is None:
            assert alert is not None
            unknown.append(alert)
            continue
        possible = limits.possible(exchange, symbol, trade.event_time)
        if alert is None:
            minute = trade.event_time.replace(second=0, microsecond=0)
            due = owed and not trade.late and (not trade.imported or (exchange, symbol, minute) in windows)
            if due and possible and trade.notional_usd >= max(possible):
                found.add(key, "whale missing", f"trade {trade_id} of {_text(trade.notional_usd)} USD")
            continue
        if trade.notional_usd < min(possible, default=Decimal("inf")):
            found.add(key, "whale too many", f"trade {trade_id} of {_text(trade.notional_usd)} USD is below threshold")
        for name in ("side", "price", "quantity", "notional_usd", "event_time"):
            one, other = getattr(alert, name), getattr(trade, name)
            if one != other:
                words = f"trade {trade_id}: {_text(one)} in Postgres, {_text(other)} in the lake"
                found.add(key, f"whale {name}", words)
        if alert.threshold_usd not in possible:
            applied = " or ".join(_text(usd) for usd in sorted(possible)) or "none"
            words = f"trade {trade_id}: {_text(alert.threshold_usd)} where {applied} applied"
            found.add(key, "whale threshold_usd", words)
    hidden = covered([one[:3] for one in unknown]) if unknown else ()
    for one in unknown:
        if one[:3] not in hidden:
            words = f"trade {one.trade_id} of {_text(one.notional_usd)} USD is none of the lake's"
            found.add((one.exchange, one.symbol, hour), "whale too many", words)


def _joined(
    large: Iterable[Large], alerts: Iterable[Alert]
) -> Iterator[tuple[tuple[str, str, int], Large | None, Alert | None]]:
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


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if not isinstance(value, Decimal):
        return str(value)
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
