"""When assets are materialised: each hour a few minutes after it, and again where the stream's rows have changed.

The repair compares what the stream says with what each hour of the last `REPAIR_DAYS` was made from, and requests
exactly the hours that differ: one run for each stretch of neighbouring hours. Where only the whale reports differ, as
they do once the prices after an hour's last whale are there, only they are requested.

These are schedules and no automation conditions: a condition sees Dagster's events alone, while rows also change by
the sink and the repair service, which write none; and it would be evaluated every 30 s instead of twice an hour.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from whale_platform.defs.lineage.assets import REPORTS_KEY
from whale_platform.defs.reports.checks import whales_add_up
from whale_platform.defs.reports.jobs import (
    cluster_assets,
    daily_assets,
    grade_assets,
    hourly_assets,
    impact_assets,
    scorecard_assets,
)
from whale_platform.defs.shared.own_instance import schedule_status
from whale_platform.defs.shared.partitions import DAYS, group_consecutive, partition_key, range_tags
from whale_platform.defs.shared.store_resource import StoreResource
from whale_platform.reports import daily_files
from whale_platform.stores.asset_tables import rollups
from whale_platform.stores.asset_tables import whale_reports as reports
from whale_platform.stores.asset_tables.materialisation import HourRange
from whale_platform.stores.errors import PostgresUnusableError

MINUTES_PAST = 3
REPAIR_DAYS = 7
DAYS_AT_ONCE = 31  # an import may bring years: their pages come a month at a time

rollups_hourly = dg.build_schedule_from_partitioned_job(
    hourly_assets,
    name="every_hour",
    minute_of_hour=MINUTES_PAST,
    default_status=schedule_status(),
    description=f"Makes each hour {MINUTES_PAST} minutes after its end.",
)

clusters_hourly = dg.build_schedule_from_partitioned_job(
    cluster_assets,
    name="clusters_every_hour",
    minute_of_hour=19,
    default_status=schedule_status(),
    description="Finds each hour's clusters of whales, when the minutes after it are in the lake.",
)


@dg.schedule(
    cron_schedule="53 2 * * *",
    job=cluster_assets,
    execution_timezone="UTC",
    default_status=schedule_status(),
)
def repair_clusters(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Finds the clusters of yesterday's hours again: trades may have come late, and thresholds may have changed."""
    end = context.scheduled_execution_time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first, last = (partition_key(end - timedelta(hours=hours)) for hours in (24, 1))
    return dg.RunRequest(run_key=f"clusters {first}", tags=range_tags(first, last, "trades may have come late"))


reports_daily = dg.build_schedule_from_partitioned_job(
    daily_assets,
    name="every_day",
    hour_of_day=0,
    minute_of_hour=33,
    default_status=schedule_status(),
    description="Materialises yesterday's market report, after its last hour has been materialised and repaired.",
)

scorecard_daily = dg.build_schedule_from_partitioned_job(
    scorecard_assets,
    name="scorecard_every_day",
    hour_of_day=2,
    minute_of_hour=43,
    default_status=schedule_status(),
    description="Materialises yesterday's whale scorecard.",
)

impact_daily = dg.build_schedule_from_partitioned_job(
    impact_assets,
    name="impact_every_day",
    hour_of_day=0,
    minute_of_hour=47,
    default_status=schedule_status(),
    description="Materialises yesterday's fits of market impact, after its last prices and rollups are there.",
)

grades_daily = dg.build_schedule_from_partitioned_job(
    grade_assets,
    name="grades_every_day",
    hour_of_day=3,
    minute_of_hour=13,
    default_status=schedule_status(),
    description="Grades what was found yesterday against what is known to be true.",
)


@dg.schedule(
    cron_schedule="23,53 * * * *",
    job=hourly_assets,
    execution_timezone="UTC",
    default_status=schedule_status(),
)
def repair_hours(
    context: dg.ScheduleEvaluationContext, store: StoreResource
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Makes the hours again whose stream rows are not those they were made from: late, repaired or imported trades."""
    now = context.scheduled_execution_time.astimezone(UTC)
    past = HourRange(_hour(now) - timedelta(days=REPAIR_DAYS), _hour(now))
    try:
        rows_changed = set(rollups.find_stale_rollup_hours(store.dsn(), past))
        only_reports = set(reports.find_stale_report_hours(store.dsn(), past)) - rows_changed
    except PostgresUnusableError as error:
        yield dg.SkipReason(f"the database can't be read: {error}")
        return
    if not rows_changed and not only_reports:
        yield dg.SkipReason(f"every hour of the last {REPAIR_DAYS} days is what the stream says")
    for first, last in group_consecutive(rows_changed):
        yield dg.RunRequest(
            run_key=f"repair {first} {last} at {now.isoformat()}",
            tags=range_tags(first, last, "stream rows have changed"),
        )
    for first, last in group_consecutive(only_reports):
        yield dg.RunRequest(
            run_key=f"reports {first} {last} at {now.isoformat()}",
            tags=range_tags(first, last, "whales have changed, or the prices after them are there"),
            asset_selection=[REPORTS_KEY],
            asset_check_keys=[whales_add_up.check_key],
        )


@dg.schedule(
    cron_schedule="28,58 * * * *",
    job=daily_assets,
    execution_timezone="UTC",
    default_status=schedule_status(),
)
def repair_days(context: dg.ScheduleEvaluationContext, store: StoreResource) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Makes the report of each day that is over again where an hour of it was made since: repaired, late, imported."""
    now = context.scheduled_execution_time.astimezone(UTC)
    try:
        made = rollups.read_materialised_days(store.dsn(), now.replace(hour=0, minute=0, second=0, microsecond=0))
    except PostgresUnusableError as error:
        yield dg.SkipReason(f"the database can't be read: {error}")
        return
    known = {day: daily_files.read_page_time(store.folder, day.date()) for day in made if day >= DAYS.start}
    old = [day for day, page in known.items() if page is None or page < made[day]][-DAYS_AT_ONCE:]
    if not old:
        yield dg.SkipReason("the report of every day is newer than its hours")
    for day in old:
        key = f"{day:%Y-%m-%d}"
        tags = {"dagster/partition": key, "whale/why": "hours of the day were made again"}
        yield dg.RunRequest(run_key=f"day {key} {made[day].isoformat()}", tags=tags)


def _hour(time: datetime) -> datetime:
    return time.replace(minute=0, second=0, microsecond=0)
