"""Checks of reports and of the tables below them; a check that comes before another asset holds it back.

They look at the hours that the run makes, or at the last 24 full hours where a run makes none.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from whale_platform.defs.lineage.assets import ALERTS_KEY, DAILY_KEY, REPORTS_KEY, ROLLUPS_KEY, SIZE_BANDS_KEY
from whale_platform.defs.shared.partitions import DAYS, HOURS, RANGE_TAG
from whale_platform.defs.shared.store_resource import StoreResource
from whale_platform.reports import daily
from whale_platform.reports.tables import render_table
from whale_platform.stores.asset_tables import rollups
from whale_platform.stores.asset_tables import whale_reports as report_table
from whale_platform.stores.asset_tables.materialisation import HOUR, HourRange
from whale_platform.stores.quality import report_quality as questions


def find_last_full_hours() -> HourRange:
    """The last 24 full hours."""
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return HourRange(end - timedelta(hours=24), end)


def parse_hours_of_tags(tags: dict[str, str]) -> HourRange:
    """The hours of a run with these tags."""
    first = tags.get(f"{RANGE_TAG}start", tags.get("dagster/partition"))
    last = tags.get(f"{RANGE_TAG}end", first)
    if first is None or last is None:
        return find_last_full_hours()
    definition = HOURS if len(first) > len("2026-01-01") else DAYS
    start, end = (definition.time_window_for_partition_key(key) for key in (first, last))
    return HourRange(start.start.astimezone(UTC), end.end.astimezone(UTC))


def _build_result(rows: Sequence[tuple[Any, ...]], head: tuple[str, ...], hours: HourRange) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=not rows,
        metadata={"hours": hours.count, "wrong": len(rows), "which": dg.MetadataValue.md(render_table(head, rows))},
    )


@dg.asset_check(
    asset=ALERTS_KEY,
    blocking=True,
    description="Each whale's dollars are price by quantity, of a sweep its notional, at its rate, over its threshold.",
)
def whales_add_up(context: dg.AssetCheckExecutionContext, store: StoreResource) -> dg.AssetCheckResult:
    """Before whale reports are made from them."""
    hours = parse_hours_of_tags(dict(context.run.tags))
    head = ("exchange", "symbol", "trade", "price", "quantity", "dollars", "threshold")
    return _build_result(questions.find_wrong_alerts(store.dsn(), hours.start, hours.end), head, hours)


@dg.asset_check(asset=ROLLUPS_KEY, blocking=True, description="Each rollup is the sum of its windows.")
def rollups_are_their_windows(context: dg.AssetCheckExecutionContext, store: StoreResource) -> dg.AssetCheckResult:
    """Before a day's report is made from them."""
    hours = parse_hours_of_tags(dict(context.run.tags))
    head = ("exchange", "symbol", "hour", "trades", "in the windows", "notional", "in the windows")
    return _build_result(questions.find_wrong_rollups(store.dsn(), hours), head, hours)


@dg.asset_check(asset=SIZE_BANDS_KEY, description="The bands of each minute have its window's trades and notional.")
def bands_are_their_windows(context: dg.AssetCheckExecutionContext, store: StoreResource) -> dg.AssetCheckResult:
    """Bands are from the lake and windows from the stream, so both may be wrong; the audit tells which."""
    asked = parse_hours_of_tags(dict(context.run.tags))
    hours = HourRange(asked.start - HOUR, asked.end)  # how many trades they have is known after an hour
    head = ("exchange", "symbol", "minute", "trades", "in the window", "dollars", "in the window")
    return _build_result(questions.find_wrong_bands(store.dsn(), hours), head, hours)


@dg.asset_check(asset=REPORTS_KEY, blocking=True, description="Each whale report is the sum of its alerts.")
def reports_are_their_whales(context: dg.AssetCheckExecutionContext, store: StoreResource) -> dg.AssetCheckResult:
    """Before a day's report is made from them."""
    hours = parse_hours_of_tags(dict(context.run.tags))
    head = ("exchange", "symbol", "hour", "whales", "in the alerts", "dollars", "in the alerts")
    return _build_result(questions.find_wrong_reports(store.dsn(), hours), head, hours)


@dg.asset_check(asset=DAILY_KEY, description="The newest day's page says what its hours' rows say.")
def page_is_its_rows(store: StoreResource) -> dg.AssetCheckResult:
    """Its text is made again and compared, pictures aside."""
    pages = sorted((store.folder / "reports").glob("market-*.md"))
    if not pages:
        return dg.AssetCheckResult(passed=True, metadata={"page": "none was made yet"})
    day = datetime.strptime(pages[-1].stem, "market-%Y-%m-%d").replace(tzinfo=UTC)
    hours = HourRange(day, day + timedelta(days=1))
    text = daily.render_daily(
        day.date(), rollups.read_rollups(store.dsn(), hours), report_table.read_reports(store.dsn(), hours)
    )
    whole = (pages[-1].with_suffix(".html")).is_file()
    return dg.AssetCheckResult(
        passed=whole and _select_text_lines(pages[-1].read_text()) == _select_text_lines(text),
        metadata={"page": dg.MetadataValue.path(str(pages[-1])), "day": f"{day:%Y-%m-%d}"},
    )


def _select_text_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("![")]


def build_hours_check(
    asset: dg.AssetKey, settling_time: timedelta, find_stale: Callable[[str, HourRange], list[datetime]]
) -> dg.AssetChecksDefinition:
    """Return the check that no hour of the last day is missing, or was made from other rows than there are now.

    A freshness policy looks at the newest materialisation of any hour, so an old one made again would satisfy it.
    settling_time: how long after its end an hour must be right; find_stale: the hours that differ, by libpq URI and
    range.
    """

    @dg.asset_check(
        asset=asset,
        name="every_hour_is_made",
        description=f"Each hour of the last day that ended {settling_time // timedelta(hours=1)} h ago is there, and "
        "is made from the rows that there are.",
    )
    def every_hour_is_made(store: StoreResource) -> dg.AssetCheckResult:
        day = find_last_full_hours()
        hours = HourRange(day.start, day.end - settling_time)
        stale = [(f"{hour:%Y-%m-%d %H:%M}",) for hour in find_stale(store.dsn(), hours)]
        return _build_result(stale, ("hour",), hours)

    return every_hour_is_made


every_rollup_is_made = build_hours_check(ROLLUPS_KEY, timedelta(hours=1), rollups.find_stale_rollup_hours)
every_report_is_made = build_hours_check(REPORTS_KEY, timedelta(hours=4), report_table.find_stale_report_hours)

CHECKS = (
    *(whales_add_up, rollups_are_their_windows, reports_are_their_whales, page_is_its_rows),
    *(every_rollup_is_made, every_report_is_made),
)
