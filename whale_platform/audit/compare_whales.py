"""Whales of an hour, the lake's trades against `whale_alerts`: what differs, located by symbol, hour and trade.

Each kind is compared by itself, whale by whale, against the thresholds of their time: single trades and blocks are
trades of the lake, sweeps its orders of several fills. Pure: no place is asked here.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from whale_platform.audit.compare_values import DifferenceCollector, format_value
from whale_platform.audit.reconcile import LAKE, WHALES
from whale_platform.audit.threshold_history import ThresholdHistory
from whale_platform.domain.market import MarketHour
from whale_platform.domain.names import SINGLE_TRADE
from whale_platform.lake.analysis.aggregate_fills import IdSpan
from whale_platform.lake.analysis.lake_whales import LakeWhale
from whale_platform.stores.quality.audit_values import StoredAlert, StoredWindow

COMPARED_FIELDS = (
    *("side", "price", "quantity", "notional_usd", "event_time", "received_time", "base", "quote", "usd_via"),
    *("notional", "usd_rate", "fills", "levels", "first_price", "last_trade_id"),
)
TradeKey = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class WhaleComparison:
    """What whales of an hour are compared by.

    windows: by exchange, symbol, minute; required: whether Postgres has to have the hour; find_within_aggregates: those
    of some spans of ids of which the lake has one only within an aggregate; is_in_transit(system, key, trade id):
    whether the trade has not arrived there yet.
    """

    hour: datetime
    limits: ThresholdHistory
    windows: Mapping[MarketHour, StoredWindow]
    required: bool
    find_within_aggregates: Callable[[Collection[IdSpan]], Collection[IdSpan]]
    is_in_transit: Callable[[str, MarketHour, int], bool]
    differences: DifferenceCollector

    def compare(self, kind: str, lake: Iterable[LakeWhale], alerts: Iterable[StoredAlert]) -> None:
        """Add whales of this kind too many, too few and wrong; both sides in order of exchange, symbol and id.

        `find_within_aggregates` is called after `lake` ends. Of alerts of which an aggregate has taken fills nothing is
        told, nor of what the lake has left of them.
        """
        noun = "trade" if kind == SINGLE_TRADE else kind
        lowered: list[tuple[StoredAlert, LakeWhale | None]] = []
        remnants: list[LakeWhale] = []
        for trade, whale, alert in _merge_by_trade(lake, alerts):
            key = *trade[:2], self.hour
            if alert is None:
                assert whale is not None
                if lowered and _is_remnant(whale, lowered[-1][0]):
                    remnants.append(whale)
                else:
                    self._compare_missing(key, noun, whale)
            elif whale is not None and (alert.fills or 0) <= (whale.fills or 0):
                self._compare_both(key, noun, whale, alert)
            elif not self.is_in_transit(LAKE, key, alert.newest_id):
                lowered.append((alert, whale))
        hidden = self.find_within_aggregates([_get_span(alert) for alert, _ in lowered]) if lowered else ()
        told = [(alert, whale) for alert, whale in lowered if _get_span(alert) not in hidden]
        for alert, whale in told:
            key = alert.exchange, alert.symbol, self.hour
            if whale is not None:
                self._compare_both(key, noun, whale, alert)
                continue
            words = f"{noun} {alert.trade_id} of {format_value(alert.notional_usd)} USD is none of the lake's"
            self.differences.add(key, "whale too many", words)
        for whale in remnants:
            if any(_is_remnant(whale, alert) for alert, _ in told):
                self._compare_missing((whale.exchange, whale.symbol, self.hour), noun, whale)

    def _compare_missing(self, key: MarketHour, noun: str, whale: LakeWhale) -> None:
        """An imported whale is owed once its minute has a window, another unless the stream that made that window had
        no dollar value for its currency, or was of a time before that was stored; a sweep unless it is of a time before
        there were any."""
        possible = self.limits.find_possible(*key[:2], whale.event_time)
        window = self.windows.get((*key[:2], whale.event_time.replace(second=0, microsecond=0)))
        valued = window is None or window.detail.usd_via is not None or whale.usd_pair is not None
        due = (
            self.required
            and not (whale.late or whale.before_sweeps)
            and (window is not None if whale.imported else valued)
        )
        if not due or not possible or whale.notional_usd < max(possible):
            return
        if self.is_in_transit(WHALES, key, whale.newest_id):
            self.differences.add_not_yet(key, WHALES)
            return
        words = f"{noun} {whale.trade_id} of {format_value(whale.notional_usd)} USD"
        self.differences.add(key, "whale missing", words)

    def _compare_both(self, key: MarketHour, noun: str, whale: LakeWhale, alert: StoredAlert) -> None:
        named = f"{noun} {whale.trade_id}"
        if (alert.fills or 0) < (whale.fills or 0) and (whale.late or self.is_in_transit(WHALES, key, whale.newest_id)):
            self.differences.add_not_yet(key, WHALES)
            return
        possible = self.limits.find_possible(*key[:2], whale.event_time)
        if whale.notional_usd < min(possible, default=Decimal("inf")):
            words = f"{named} of {format_value(whale.notional_usd)} USD is below threshold"
            self.differences.add(key, "whale too many", words)
        for name in COMPARED_FIELDS:
            here, there = getattr(alert, name), getattr(whale, name)
            if here != there and here is not None and there is not None:
                words = f"{named}: {format_value(here)} in Postgres, {format_value(there)} in the lake"
                self.differences.add(key, f"whale {name}", words)
        if alert.threshold_usd not in possible:
            applied = " or ".join(format_value(usd) for usd in sorted(possible)) or "none"
            words = f"{named}: {format_value(alert.threshold_usd)} where {applied} applied"
            self.differences.add(key, "whale threshold_usd", words)


def _get_span(alert: StoredAlert) -> IdSpan:
    return alert.exchange, alert.symbol, alert.trade_id, alert.newest_id


def _is_remnant(whale: LakeWhale, alert: StoredAlert) -> bool:
    """Whether it may be what the lake has left of the sweep that was told live."""
    same = (whale.exchange, whale.symbol, whale.event_time) == (alert.exchange, alert.symbol, alert.event_time)
    return same and alert.trade_id < whale.trade_id <= alert.newest_id


def _merge_by_trade(
    whales: Iterable[LakeWhale], alerts: Iterable[StoredAlert]
) -> Iterator[tuple[TradeKey, LakeWhale | None, StoredAlert | None]]:
    """Both in step by identity: neither is held as a whole."""
    left, right = iter(whales), iter(alerts)
    whale, alert = next(left, None), next(right, None)
    while whale is not None or alert is not None:
        if alert is None or (whale is not None and whale[:3] < alert[:3]):
            assert whale is not None
            yield whale[:3], whale, None
            whale = next(left, None)
        elif whale is None or alert[:3] < whale[:3]:
            yield alert[:3], None, alert
            alert = next(right, None)
        else:
            yield whale[:3], whale, alert
            whale, alert = next(left, None), next(right, None)
