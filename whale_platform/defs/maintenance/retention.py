"""The retention of stream tables: what it would do is its default; the same plan is done with `dry_run: false`."""

from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from whale_platform.defs.shared.confirmation import DeletionConfig, explain_unconfirmed, is_confirmed
from whale_platform.defs.shared.store_resource import StoreResource
from whale_platform.domain import deletion_limits
from whale_platform.reports.tables import render_table
from whale_platform.stores.asset_tables import retention as days_table
from whale_platform.stores.asset_tables.retention import StreamTableDay


class RetentionConfig(DeletionConfig):
    """What the launchpad asks for."""

    days: int = Field(7, description="Keep the stream rows of this many days (UTC) before today; 1 at least.")
    whale_days: int = Field(0, description="Keep the whales of this many days before today; 0: all of them, forever.")
    imported: bool = Field(False, description="Whether days that were imported go as well.")


@dg.op
def let_old_days_go(context: dg.OpExecutionContext, config: RetentionConfig, store: StoreResource) -> None:
    """Drops each old day of trade_windows whose hours are all rolled up, and its whales where they have an age too."""
    dsn = store.dsn()
    try:
        planned = days_table.plan_retention(
            dsn, config.days, datetime.now(UTC).date(), config.whale_days, config.imported
        )
    except ValueError as error:
        raise dg.Failure(f"retention: {error}", allow_retries=False) from None
    sure, gone = is_confirmed(config, store), 0
    if not config.dry_run:
        with explain_unconfirmed(store):
            if not sure:
                deletion_limits.check_days(config.days)
            gone = days_table.apply_retention(dsn, planned, sure)
    text = render_plan(planned, config.dry_run)
    context.log.info(text)
    context.add_output_metadata({"plan": dg.MetadataValue.md(text), "days_gone": gone})


def render_plan(planned: list[StreamTableDay], dry_run: bool) -> str:
    """The plan as a table."""
    if not planned:
        return "No day is old enough to be deleted."
    does = ("would go", "would stay") if dry_run else ("gone", "stays")
    rows = [
        (day.day.isoformat(), f"{day.windows:,}", f"{day.whales:,}", f"{does[1]}: {day.kept}" if day.kept else does[0])
        for day in planned
    ]
    return render_table(("day", "windows", "whales", ""), rows)
