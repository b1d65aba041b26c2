"""The flow by order size as an hourly asset: table `size_bands`, from the lake, with a report of each hour."""

import dagster as dg

from whale_platform.defs.lineage.assets import LAKE_KEY, OWNERS, SIZE_BANDS_KEY
from whale_platform.defs.reports.assets import HOURLY_FRESHNESS
from whale_platform.defs.shared.code_versions import hash_modules
from whale_platform.defs.shared.partitions import HOURS, hours_of_run, partition_key
from whale_platform.defs.shared.store_resource import StoreResource
from whale_platform.exchanges.market_kinds import DEFAULT_KIND
from whale_platform.reports import kind_sections
from whale_platform.reports import size_bands as report
from whale_platform.stores.asset_tables import size_bands as band_table
from whale_platform.stores.asset_tables.materialisation import HOUR


@dg.asset(
    key=SIZE_BANDS_KEY,
    partitions_def=HOURS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    freshness_policy=HOURLY_FRESHNESS,
    deps=[LAKE_KEY],
    group_name="reports",
    kinds={"duckdb", "postgres"},
    owners=OWNERS,
    code_version=hash_modules(
        band_table, report, "whale_platform.repair.band_rows", "whale_platform.lake.analysis.size_bands"
    ),
    metadata={"dagster/table_name": "size_bands"},
)
def size_bands(context: dg.AssetExecutionContext, store: StoreResource) -> None:
    """What the orders of each size bought and sold, by minute, exchange and symbol, with the volume delta of each hour.

    Table `size_bands`. The repair service stores its newest minutes; an hour is computed again here as a whole.
    """
    from whale_platform.lake.errors import LakeError  # with DuckDB 90 MB, and every process of Dagster loads this file
    from whale_platform.repair import band_rows

    hours, dsn = hours_of_run(context), store.dsn()
    try:
        band_rows.store_whole_hours(store.read().trades_lake, dsn, hours, store.provenance(context))
    except LakeError as error:
        raise dg.Failure(f"the lake can't be read: {error}", allow_retries=False) from None
    rows = band_table.read_hourly_bands(dsn, hours)
    for number in range(hours.count):
        hour = hours.start + number * HOUR
        some = [row for row in rows if row.start == hour]
        told = {
            "trades": sum(row.trades for row in some),
            "symbols": len(some),
            "report": dg.MetadataValue.md(report.render_size_bands(some)),
        }
        context.add_asset_metadata(told, partition_key=partition_key(hour))
    pictures = kind_sections.draw_sections(
        "bought less sold, by order size", "million dollars", rows, report.build_cvd_series
    )
    for kind, picture in pictures.items():
        name = "picture" if kind == DEFAULT_KIND else f"{kind}_picture"
        context.add_asset_metadata({name: dg.MetadataValue.md(picture)}, partition_key=partition_key(hours.end - HOUR))
