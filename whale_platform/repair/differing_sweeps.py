"""Sweeps of a closed hour, the lake's against those of Postgres: by them an hour differs whose trades are all there.

The stream ends a sweep at a trade that is missing, and goes on behind it with another; once the gap is filled the lake
has one, while the trades in the windows are as many as in the lake. Sweeps are compared by first id and fills. An hour
whose trades all came live and in the order of their ids is not looked at: the stream has seen what the lake has.
Raises PostgresUnusableError and LakeError's subclasses.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from whale_platform.domain.market import Market
from whale_platform.domain.names import SWEEP
from whale_platform.domain.whale import ThresholdPeriod, find_limits, select_periods
from whale_platform.lake.analysis import hour_values
from whale_platform.lake.analysis.hour_values import HourValues
from whale_platform.repair import hidden_whales
from whale_platform.storage.folders import Folder
from whale_platform.stores.asset_tables.materialisation import HOUR
from whale_platform.stores.asset_tables.recomputed_hours import RecomputedWhale, WhaleKey
from whale_platform.stores.quality import audit_values


class SweepDifferences(NamedTuple):
    """grown: what the lake has and Postgres has not, or with fewer fills; lowered: the other way round."""

    grown: dict[WhaleKey, RecomputedWhale]
    lowered: dict[WhaleKey, RecomputedWhale]


def find_differing_sweeps(
    root: Folder, dsn: str, hour: datetime, limits: Sequence[ThresholdPeriod], markets: Collection[Market]
) -> SweepDifferences:
    """Those of the hour from `hour` on (aware UTC), but for what imported aggregates hide.

    limits: what held when, oldest first; markets: those of which the lake has trades there.
    """
    with hour_values.open_hours(root, hour, hour + HOUR, hour + HOUR) as lake:
        if lake.came_in_order(hour):
            return SweepDifferences({}, {})
        stored = {
            (one.exchange, one.symbol, SWEEP, one.trade_id): RecomputedWhale(one.event_time, one.fills, one.newest_id)
            for one in audit_values.read_alerts(dsn, hour, hour + HOUR, SWEEP)
        }
        there = _read_lake(lake, hour, limits, markets)
        grown, lowered = hidden_whales.find_lowered(there, stored), hidden_whales.find_lowered(stored, there)
        hidden = hidden_whales.find_hidden(lowered, partial(lake.find_within_aggregates, hour))
    remnants = hidden_whales.find_remnants(grown, hidden)
    return SweepDifferences(
        {key: state for key, state in grown.items() if key not in remnants},
        {key: state for key, state in lowered.items() if key not in hidden},
    )


def _read_lake(
    lake: HourValues, hour: datetime, limits: Sequence[ThresholdPeriod], markets: Collection[Market]
) -> dict[WhaleKey, RecomputedWhale]:
    """The lake's sweeps over the threshold that held at their time, as a recomputation finds them."""
    held = select_periods(limits, hour, hour + HOUR)
    found: dict[WhaleKey, RecomputedWhale] = {}
    floors: dict[tuple[str, str], Decimal] = {}
    for market in markets:
        least = [usd for period in held if (usd := period.find_least(*market, hour, hour + HOUR)) is not None]
        if least:
            floors[market] = min(least)
    for one in lake.read_whales(hour, hour + HOUR, floors, SWEEP):
        limit = find_limits(held, one.exchange, one.symbol, one.event_time)
        if limit is not None and one.notional_usd >= limit.whale:
            key = one.exchange, one.symbol, SWEEP, one.trade_id
            found[key] = RecomputedWhale(one.event_time, one.fills, one.newest_id)
    return found
