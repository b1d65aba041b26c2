"""Looks for clusters (clusters.py) among the whale orders of the lake, hour by hour.

A whale order is one whose dollars reach the threshold of its market that held at its time. Raises LakeError's
subclasses.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import groupby

from whale_platform.backtest.clusters import (
    MOST_FALSE,
    MOST_ORDERS,
    MOVE_US,
    NEAR_US,
    OrderCluster,
    find_busy,
    find_clusters,
)
from whale_platform.domain.whale import ThresholdPeriod, find_limits, select_periods
from whale_platform.lake.analysis.whale_orders import OrdersRequest, WhaleOrder, read_whale_orders
from whale_platform.lake.delta import table
from whale_platform.lake.delta.table import HOUR
from whale_platform.lake.duckdb import engine
from whale_platform.storage.folders import Folder

EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
MARGIN = (MOVE_US + NEAR_US) * MICROSECOND


@dataclass(frozen=True, slots=True)
class ClusterRequest:
    """Clusters that begin in [start, end), aware UTC. thresholds: what held when, oldest first; base: None for any.

    Whole hours are searched, with all bases, whatever is asked for: what else is there decides on what is a cluster.
    """

    start: datetime
    end: datetime
    thresholds: Sequence[ThresholdPeriod]
    base: str | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class FoundClusters:
    """clusters: by time; hours: how many were searched, each of which may have a false one with MOST_FALSE.

    busy: start of an hour, base and side that were left out, since they have more whales than are searched.
    """

    clusters: list[OrderCluster]
    hours: int
    busy: list[tuple[datetime, str, str]]

    def explain_false(self) -> str:
        """Return how many of the hours may have a false cluster, as a sentence."""
        hours = "1 hour was" if self.hours == 1 else f"{self.hours:,} hours were"
        return (
            f"{hours} searched, each by itself: of hours without clusters one in {1 / MOST_FALSE:.0f} gives a false "
            f"one, so up to {self.hours * MOST_FALSE:,.2f} of them may have one."
        )

    def explain_busy(self, hour: datetime | None = None) -> list[str]:
        """Return what was left out, of any hour or of the one that begins at `hour`, a sentence each."""
        return [
            f"{base} {side} from {start:%Y-%m-%d %H:%M} is not searched: more than {MOST_ORDERS:,} whales; raise the "
            "threshold or --minimum-usd."
            for start, base, side in self.busy
            if hour in (None, start)
        ]


def find_lake_clusters(
    root: Folder, request: ClusterRequest, progress: Callable[[int, int], None] = lambda *_: None
) -> FoundClusters:
    """Return the clusters of the range; `progress(hours done, of how many)`."""
    start, end = _floor_hour(request.start), _floor_hour(request.end + HOUR - MICROSECOND)
    hours = [start + number * HOUR for number in range((end - start) // HOUR)]
    orders, found = read_held_orders(root, replace(request, start=start, end=end)), list[OrderCluster]()
    busy = list[tuple[datetime, str, str]]()
    times = [order.time for order in orders]
    for number, start in enumerate(hours, 1):
        end = start + HOUR
        first, last = bisect_left(times, _to_us(start - MARGIN)), bisect_left(times, _to_us(end + MARGIN))
        found += find_clusters(orders[first:last], _to_us(start), _to_us(end), request.seed)
        busy += [(start, *group) for group in find_busy(orders[first:last]) if request.base in (None, group[0])]
        progress(number, len(hours))
    asked = range(_to_us(request.start), _to_us(request.end))
    wanted = [one for one in found if one.first.time in asked and request.base in (None, one.first.base)]
    return FoundClusters(wanted, len(hours), busy)


def read_held_orders(root: Folder, request: ClusterRequest) -> list[WhaleOrder]:
    """Return the whale orders of the range and of MARGIN around it, by time."""
    start, end = request.start - MARGIN, request.end + MARGIN
    files = table.list_files(table.open_table(root), start, end)
    orders = list[WhaleOrder]()
    with engine.connect(root) as connection:
        for hour, some in groupby(files, lambda file: file.start):
            first, last = max(start, hour), min(end, hour + HOUR)
            held = select_periods(request.thresholds, first, last)
            find_floor = partial(_find_floor, held, first, last)
            asked = OrdersRequest([file.path for file in some], first, last, find_floor)
            orders += [order for order in read_whale_orders(connection, root, asked) if _is_whale(order, held)]
    return orders


def _find_floor(
    held: Sequence[ThresholdPeriod], start: datetime, end: datetime, exchange: str, symbol: str
) -> Decimal | None:
    found = (period.find_least(exchange, symbol, start, end) for period in held)
    return min((usd for usd in found if usd is not None), default=None)


def _is_whale(order: WhaleOrder, held: Sequence[ThresholdPeriod]) -> bool:
    limits = find_limits(held, order.exchange, order.symbol, EPOCH + order.time * MICROSECOND)
    return limits is not None and order.usd >= limits.whale


def _floor_hour(time: datetime) -> datetime:
    return EPOCH + (time - EPOCH) // HOUR * HOUR


def _to_us(time: datetime) -> int:
    return (time - EPOCH) // MICROSECOND
