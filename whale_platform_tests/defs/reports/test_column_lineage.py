"""The column lineage is of the columns that there are, on both sides."""

import dagster as dg
import pytest

from whale_platform.defs.lineage import column_schemas
from whale_platform.defs.lineage.assets import LAKE_KEY
from whale_platform.defs.reports.assets import hourly_rollups, whale_reports
from whale_platform.defs.reports.column_lineage import OWN_COLUMNS
from whale_platform.defs.reports.impact import impact_fits


def columns(database: str, key: dg.AssetKey) -> set[str]:
    """The columns of an asset, as its schema says."""
    schema = (
        column_schemas.describe_lake() if key == LAKE_KEY else column_schemas.describe_table(database, key.path[-1])
    )
    return {column.name for column in schema.columns}


@pytest.mark.parametrize("asset", [hourly_rollups, whale_reports, impact_fits], ids=lambda asset: asset.key.path[-1])
def test_every_column_of_a_report_comes_from_columns_that_there_are(database: str, asset: dg.AssetsDefinition) -> None:
    lineage = asset.metadata_by_key[asset.key]["dagster/column_lineage"].deps_by_column
    assert lineage.keys() == columns(database, asset.key) - OWN_COLUMNS
    sources = {dep for deps in lineage.values() for dep in deps}
    assert {dep.asset_key for dep in sources} == asset.asset_deps[asset.key]
    assert [dep for dep in sources if dep.column_name not in columns(database, dep.asset_key)] == []
