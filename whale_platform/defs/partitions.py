"""Hours and days (UTC) by which assets are made. Recorded trades may be years old, so they start early."""

import dagster as dg

from whale_platform.stores.assets import Hours

HOURS = dg.HourlyPartitionsDefinition(start_date="2024-01-01-00:00", timezone="UTC")
RANGE = "dagster/asset_partition_range_"  # start and end: how a run's tags name more than one partition
DAYS = dg.DailyPartitionsDefinition(start_date="2024-01-01", timezone="UTC")


def hours_of(context: dg.AssetExecutionContext) -> Hours:
    """The hours that this run is to make, one or many."""
    window = context.partition_time_window
    return Hours(window.start, window.end)
