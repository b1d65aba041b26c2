"""Clusters of whales as an hourly asset: table `whale_clusters`, computed from the lake."""

from collections import defaultdict
from typing import TYPE_CHECKING

import dagster as dg

from whale_platform.defs.lineage.assets import CLUSTERS_KEY, LAKE_KEY, OWNERS, THRESHOLDS_KEY
from whale_platform.defs.reports.assets import HOURLY_FRESHNESS
from whale_platform.defs.shared.code_versions import hash_modules
from whale_platform.defs.shared.partitions import HOURS, hours_of_run, partition_key
from whale_platform.defs.shared.store_resource import StoreResource
from whale_platform.domain.whale import build_threshold_periods
from whale_platform.lake.errors import LakeError
from whale_platform.reports.charts import embed_png
from whale_platform.stores.asset_tables import whale_clusters as cluster_table
from whale_platform.stores.asset_tables.materialisation import HOUR
from whale_platform.stores.asset_tables.thresholds import read_threshold_history

if TYPE_CHECKING:
    from whale_platform.backtest.clusters import OrderCluster

COMPUTED_BY = ("clusters", "cluster_search", "cluster_report")


@dg.asset(
    key=CLUSTERS_KEY,
    partitions_def=HOURS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    freshness_policy=HOURLY_FRESHNESS,
    deps=[LAKE_KEY, THRESHOLDS_KEY],
    group_name="reports",
    kinds={"duckdb", "postgres", "table"},
    owners=OWNERS,
    code_version=hash_modules(
        *(f"whale_platform.backtest.{name}" for name in COMPUTED_BY),
        *(f"whale_platform.lake.analysis.{name}" for name in ("whale_orders", "sweeps")),
        cluster_table,
    ),
    metadata={"dagster/table_name": "whale_clusters"},
)
def whale_clusters(context: dg.AssetExecutionContext, store: StoreResource) -> None:
    """Whales of one base and side on several exchanges within two seconds, with their false-discovery rate.

    Table `whale_clusters`. Whales are orders of the lake by the thresholds that held. Spot and perpetuals may meet in a
    cluster, and their dollars stand apart. The run fails where the lake can't be read.
    """
    from whale_platform.backtest import cluster_report  # with numpy and DuckDB, and every process loads this file
    from whale_platform.backtest.cluster_search import ClusterRequest, find_lake_clusters

    hours, dsn, settings = hours_of_run(context), store.dsn(), store.read()
    thresholds = build_threshold_periods(read_threshold_history(dsn), settings.threshold_usd)
    try:
        request = ClusterRequest(hours.start, hours.end, thresholds)
        found = find_lake_clusters(settings.trades_lake, request)
    except LakeError as error:
        raise dg.Failure(f"the lake can't be read: {error}", allow_retries=False) from None
    rows = [cluster_report.build_row(cluster) for cluster in found.clusters]
    cluster_table.store_clusters(dsn, hours, rows, store.provenance(context))
    by_hour: dict[str, list[OrderCluster]] = defaultdict(list)
    for cluster, row in zip(found.clusters, rows, strict=True):
        hour = row.members[0].event_time.replace(minute=0, second=0, microsecond=0)
        by_hour[partition_key(hour)].append(cluster)
    for number in range(hours.count):
        hour = hours.start + number * HOUR
        key = partition_key(hour)
        report = [cluster_report.render_clusters(by_hour[key]), *found.explain_busy(hour)]
        context.add_asset_metadata(
            {
                "dagster/row_count": len(by_hour[key]),
                "most_exchanges": max((cluster.exchanges for cluster in by_hour[key]), default=0),
                "report": dg.MetadataValue.md("\n\n".join(report)),
            },
            partition_key=key,
        )
    picture = cluster_report.draw_clusters(found.clusters)
    if picture is not None:
        shown = dg.MetadataValue.md(embed_png(picture, "clusters by hour"))
        context.add_asset_metadata({"picture": shown}, partition_key=partition_key(hours.end - HOUR))
