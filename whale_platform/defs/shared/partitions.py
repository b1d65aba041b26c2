"""Hours and days (UTC) by which assets are partitioned, from the first dump on: past trades may be imported."""

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise

import dagster as dg

from whale_platform.stores.asset_tables.materialisation import HOUR, HourRange

HOURS = dg.HourlyPartitionsDefinition(start_date="2017-07-01-00:00", timezone="UTC")
RANGE_TAG = "dagster/asset_partition_range_"  # start and end: how a run's tags name more than one partition
DAYS = dg.DailyPartitionsDefinition(start_date="2017-07-01", timezone="UTC")


def hours_of_run(context: dg.AssetExecutionContext) -> HourRange:
    """The hours that this run is to make, one or many."""
    window = context.partition_time_window
    return HourRange(window.start, window.end)


def group_consecutive(hours: Iterable[datetime]) -> list[tuple[str, str]]:
    """First and last partition of each stretch of these hours that has no gap: nobody asks for the years between."""
    times = sorted(hours)
    edges = [0, *(at for at, (one, following) in enumerate(pairwise(times), 1) if following - one > HOUR), len(times)]
    return [
        (partition_key(times[first]), partition_key(times[end - 1])) for first, end in pairwise(edges) if end > first
    ]


def range_tags(first: str, last: str, reason: str) -> dict[str, str]:
    """Tags of a run that makes the partitions from `first` to `last`."""
    return {f"{RANGE_TAG}start": first, f"{RANGE_TAG}end": last, "whale/why": reason}


def partition_key(hour: datetime) -> str:
    """Partition of an hour, aware: `2024-08-08-23:00`."""
    return HOURS.get_partition_key_for_timestamp(hour.timestamp())
