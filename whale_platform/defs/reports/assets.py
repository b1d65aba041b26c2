"""The hourly assets, computed from the stream tables: any number of hours in one run and one transaction.

Each hour's materialisation has the numbers and the report of that hour alone; a picture of all hours of the run is with
the last one. They are added to the materialisation and not returned, since Dagster stores what is returned twice.
Columns stand in the definitions.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

import dagster as dg

from whale_platform.defs.lineage import column_schemas
from whale_platform.defs.lineage.assets import ALERTS_KEY, LAKE_KEY, OWNERS, WINDOWS_KEY
from whale_platform.defs.reports.column_lineage import REPORT_COLUMNS, ROLLUP_COLUMNS
from whale_platform.defs.shared.code_versions import hash_modules
from whale_platform.defs.shared.partitions import DAYS, HOURS, hours_of_run, partition_key
from whale_platform.defs.shared.store_resource import StoreResource
from whale_platform.domain.market import MarketKind
from whale_platform.exchanges.market_kinds import DEFAULT_KIND
from whale_platform.reports import charts, currencies, daily, daily_files, hourly, kind_sections, whales
from whale_platform.settings import Settings
from whale_platform.stores.asset_tables import rollups as rollup_table
from whale_platform.stores.asset_tables import whale_prices
from whale_platform.stores.asset_tables import whale_reports as report_table
from whale_platform.stores.asset_tables.materialisation import HOUR, HourRange
from whale_platform.stores.asset_tables.rollups import HourlyRollup
from whale_platform.stores.asset_tables.whale_reports import WhaleReport

Row = TypeVar("Row", HourlyRollup, WhaleReport)
HOURLY_FRESHNESS = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=3), warn_window=timedelta(minutes=75))
DAILY_FRESHNESS = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36), warn_window=timedelta(hours=26))


@dg.asset(
    partitions_def=HOURS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    freshness_policy=HOURLY_FRESHNESS,
    deps=[WINDOWS_KEY],
    group_name="reports",
    kinds={"postgres", "sql"},
    owners=OWNERS,
    code_version=hash_modules(rollup_table, hourly, currencies, kind_sections),
    metadata={"dagster/table_name": "hourly_rollups", "dagster/column_lineage": ROLLUP_COLUMNS},
)
def hourly_rollups(context: dg.AssetExecutionContext, store: StoreResource) -> None:
    """OHLC, VWAP, volume, buyers' share, trade count and realised volatility by hour, exchange and symbol.

    Table `hourly_rollups`. Making an hour again gives the same numbers unless its windows have changed.
    """
    hours, dsn = hours_of_run(context), store.dsn()
    rollup_table.materialise_rollups(dsn, hours, store.provenance(context))
    rows = rollup_table.read_rollups(dsn, hours)
    _describe_hours(context, hours, rows, _describe_rollups)
    _add_pictures(
        context,
        hours,
        kind_sections.draw_sections("notional by hour", "millions of dollars", rows, hourly.build_notional_series),
    )


@dg.asset(
    partitions_def=HOURS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    freshness_policy=HOURLY_FRESHNESS,
    deps=[WINDOWS_KEY, ALERTS_KEY, LAKE_KEY],
    group_name="reports",
    kinds={"postgres", "sql"},
    owners=OWNERS,
    code_version=hash_modules(report_table, whale_prices, "whale_platform.repair.price_rows", whales, kind_sections),
    metadata={"dagster/table_name": "whale_reports", "dagster/column_lineage": REPORT_COLUMNS},
)
def whale_reports(context: dg.AssetExecutionContext, store: StoreResource) -> None:
    """Whales by hour, exchange and symbol: count, dollars, net flow, share, the largest with the prices around them.

    Table `whale_reports`, and `whale_prices` of all whales. What is after a whale comes up to 16 minutes later, once
    the lake has it: the repair schedule adds it.
    """
    from whale_platform.lake.errors import LakeError  # with DuckDB 90 MB, and every process of Dagster loads this file
    from whale_platform.repair import price_rows

    hours, dsn, lake = hours_of_run(context), store.dsn(), store.read().trades_lake
    maker, refs = store.provenance(context), whale_prices.read_whale_refs(dsn, hours)
    try:
        whale_prices.store_prices(dsn, lambda: price_rows.find_whale_prices(lake, refs), maker)
    except LakeError as error:  # they are looked for again with the next repair of the hour
        context.log.warning(f"the prices around whales can't be read from the lake: {error}")
    report_table.materialise_reports(dsn, hours, maker)
    rows = report_table.read_reports(dsn, hours)
    _describe_hours(context, hours, rows, _describe_reports)
    _add_pictures(
        context,
        hours,
        kind_sections.draw_sections("whale flow by hour", "million dollars", rows, whales.build_flow_series),
    )


@dg.asset(
    partitions_def=DAYS,
    freshness_policy=DAILY_FRESHNESS,
    deps=[hourly_rollups, whale_reports],
    group_name="reports",
    kinds={"html", "markdown"},
    owners=OWNERS,
    code_version=hash_modules(daily, hourly, currencies, whales, kind_sections, charts),
)
def daily_market_report(context: dg.AssetExecutionContext, store: StoreResource) -> None:
    """A day's market and whales as one HTML file and as Markdown, in `HOME/reports`; made from the hours' rows."""
    hours, dsn = hours_of_run(context), store.dsn()
    made = rollup_table.read_materialised_days(dsn, hours.end).get(hours.start)
    rows, reports = rollup_table.read_rollups(dsn, hours), report_table.read_reports(dsn, hours)
    day = hours.start.date()
    text = daily.render_daily(day, rows, reports)
    page = daily_files.page_path(store.folder, day)
    page.parent.mkdir(parents=True, exist_ok=True)
    for path, content in (
        (page, daily.render_html(f"Market report {day}", text)),
        (page.with_suffix(".md"), text),
    ):
        fresh = path.with_name(f"{path.name}.new")
        fresh.write_text(content)
        if made is not None:  # the page is as old as the newest row it was made from, however long that took
            os.utime(fresh, ns=((ns := (made - daily_files.EPOCH) // daily_files.MICROSECOND * 1000), ns))
        fresh.replace(path)
    context.add_asset_metadata(
        {
            "hours": len({row.hour for row in rows}),
            **kind_sections.prefix_figures(rows, lambda some: {"trades": sum(row.trade_count for row in some)}),
            **kind_sections.prefix_figures(reports, lambda some: {"whales": sum(row.whales for row in some)}),
            "page": dg.MetadataValue.path(str(page)),
            "address": dg.MetadataValue.url(f"{store.read().api_url}/reports/daily/{day}"),
            "report": dg.MetadataValue.md(text),
        }
    )


def _sum_rollups(rows: list[HourlyRollup]) -> dict[str, Any]:
    return {
        "trades": sum(row.trade_count for row in rows),
        "symbols": len({(row.exchange, row.symbol) for row in rows}),
    }


def _sum_reports(rows: list[WhaleReport]) -> dict[str, Any]:
    return {
        "whales": sum(row.whales for row in rows),
        "notional_usd": float(sum(row.notional_usd for row in rows)),
        "net_flow_usd": float(sum(row.net_flow_usd for row in rows)),
    }


def _describe_rollups(rows: list[HourlyRollup]) -> dict[str, Any]:
    return {
        "dagster/row_count": len(rows),
        **kind_sections.prefix_figures(rows, _sum_rollups),
        "report": dg.MetadataValue.md(hourly.render_hourly(rows)),
    }


def _describe_reports(rows: list[WhaleReport]) -> dict[str, Any]:
    return {
        "dagster/row_count": len(rows),
        **kind_sections.prefix_figures(rows, _sum_reports),
        "report": dg.MetadataValue.md(whales.render_whales(rows)),
    }


def _describe_hours(
    context: dg.AssetExecutionContext,
    hours: HourRange,
    rows: Iterable[Row],
    describe: Callable[[list[Row]], Mapping[str, Any]],
) -> None:
    by_hour: dict[datetime, list[Row]] = {hours.start + number * HOUR: [] for number in range(hours.count)}
    for row in rows:
        by_hour[row.hour].append(row)
    for hour, some in by_hour.items():
        context.add_asset_metadata(describe(some), partition_key=partition_key(hour))


def _add_pictures(context: dg.AssetExecutionContext, hours: HourRange, pictures: Mapping[MarketKind, str]) -> None:
    for kind, picture in pictures.items():
        name = "picture" if kind == DEFAULT_KIND else f"{kind}_picture"
        context.add_asset_metadata({name: dg.MetadataValue.md(picture)}, partition_key=partition_key(hours.end - HOUR))


@dg.definitions
def report_assets() -> dg.Definitions:
    """Return the assets, those that are tables with the columns that this home's database has."""
    settings, tables = Settings(), (hourly_rollups, whale_reports)
    columns = {asset.key: column_schemas.read_table_schema(settings, asset.key.path[-1]) for asset in tables}

    def add_columns(spec: dg.AssetSpec) -> dg.AssetSpec:
        schema = columns[spec.key]
        return spec.merge_attributes(metadata={"dagster/column_schema": schema}) if schema is not None else spec

    return dg.Definitions(assets=[*dg.map_asset_specs(add_columns, tables), daily_market_report])
