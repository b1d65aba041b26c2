"""What makes a trade a whale: the threshold of its symbol that holds at its time.

Exchange and symbol `*` (ANY) mean any; of all thresholds the most specific one applies: (exchange, symbol),
(*, symbol), (exchange, *), (*, *). Each holds from an event time on, so that an old hour is judged by what held then.
The stream picks them in SQL (`stream/query/transforms.py`), and its test takes `find_threshold` for the truth.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

ANY = "*"
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
# exchange, symbol, valid from, US dollars; None: none from then on
ThresholdChange = tuple[str, str, datetime, Decimal | None]


@dataclass(frozen=True, slots=True)
class ThresholdPeriod:
    """All thresholds that hold from the event time `valid_from` on: US dollars by (exchange, symbol)."""

    valid_from: datetime
    usd: Mapping[tuple[str, str], Decimal]


def build_threshold_periods(history: Iterable[ThresholdChange], default: Decimal) -> list[ThresholdPeriod]:
    """Return what held when, oldest first, from ALWAYS on. Where nothing held for all symbols, `default` does."""
    held: dict[tuple[str, str], Decimal] = {}
    periods = {ALWAYS: {(ANY, ANY): default}}
    for exchange, symbol, valid_from, usd in sorted(history, key=lambda change: change[2]):
        if usd is None:
            held.pop((exchange, symbol), None)
        else:
            held[exchange, symbol] = usd
        periods[max(valid_from, ALWAYS)] = {(ANY, ANY): default, **held}
    return [ThresholdPeriod(valid_from, usd) for valid_from, usd in periods.items()]


def find_threshold(limits: Mapping[tuple[str, str], Decimal], exchange: str, symbol: str) -> Decimal | None:
    """Return the one of `limits` that applies to a symbol, in US dollars; None where none does."""
    markets = ((exchange, symbol), (ANY, symbol), (exchange, ANY), (ANY, ANY))
    return next((limits[market] for market in markets if market in limits), None)
