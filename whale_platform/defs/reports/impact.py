"""The fits of market impact as an asset: what the size of a whale lets expect, from a week of its market's sweeps."""

from datetime import timedelta

import dagster as dg

from whale_platform.defs.lineage import column_schemas
from whale_platform.defs.lineage.assets import ALERTS_KEY, FITS_KEY, LAKE_KEY, OWNERS, ROLLUPS_KEY
from whale_platform.defs.reports.assets import DAILY_FRESHNESS
from whale_platform.defs.reports.column_lineage import FIT_COLUMNS
from whale_platform.defs.shared.code_versions import hash_modules
from whale_platform.defs.shared.partitions import DAYS, hours_of_run
from whale_platform.defs.shared.store_resource import StoreResource
from whale_platform.domain import impact
from whale_platform.reports import impact_fits as pages
from whale_platform.settings import Settings
from whale_platform.stores.asset_tables import impact_fits as fit_table
from whale_platform.stores.asset_tables.materialisation import HourRange


@dg.asset(
    key=FITS_KEY,
    partitions_def=DAYS,
    freshness_policy=DAILY_FRESHNESS,
    deps=[ALERTS_KEY, LAKE_KEY, ROLLUPS_KEY],
    group_name="reports",
    kinds={"postgres", "sql"},
    owners=OWNERS,
    code_version=hash_modules(impact, fit_table),
    metadata={"dagster/table_name": "impact_fits", "dagster/column_lineage": FIT_COLUMNS},
)
def impact_fits(context: dg.AssetExecutionContext, store: StoreResource) -> None:
    """The square-root law of each market, fitted to the sweeps of the week that ends with this day.

    Table `impact_fits`. Whales from then on are judged by it. Where there is too little the row says so, without a
    factor.
    """
    end = hours_of_run(context).end
    week = HourRange(end - timedelta(days=impact.DAYS), end)
    fits = fit_table.materialise_fits(store.dsn(), week, store.provenance(context))
    context.add_asset_metadata(
        {
            "dagster/row_count": len(fits),
            "sweeps": sum(one.fit.sweeps for one in fits),
            "factors": sum(one.fit.factor is not None for one in fits),
            "report": dg.MetadataValue.md(pages.render_fits(fits)),
        }
    )


@dg.definitions
def impact_definitions() -> dg.Definitions:
    """Return the asset with the columns that this home's database has."""
    schema = column_schemas.read_table_schema(Settings(), FITS_KEY.path[-1])
    described = {} if schema is None else {"dagster/column_schema": schema}
    return dg.Definitions(
        assets=dg.map_asset_specs(lambda spec: spec.merge_attributes(metadata=described), [impact_fits])
    )
