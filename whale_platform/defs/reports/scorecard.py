"""The whale scorecard as an asset: whether prices move after the whales of a week, by the standard rules."""

from datetime import timedelta

import dagster as dg

from whale_platform.defs.lineage.assets import LAKE_KEY, OWNERS, SCORECARD_KEY, THRESHOLDS_KEY
from whale_platform.defs.shared.code_versions import hash_modules
from whale_platform.defs.shared.partitions import DAYS
from whale_platform.defs.shared.store_resource import StoreResource
from whale_platform.lake.errors import LakeError
from whale_platform.reports.charts import embed_png

COMPUTED_BY = ("run", "scorecard", "matching", "statistics", "results")
SCORECARD_FRESHNESS = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=50), warn_window=timedelta(hours=30))


@dg.asset(
    key=SCORECARD_KEY,
    partitions_def=DAYS,
    freshness_policy=SCORECARD_FRESHNESS,
    deps=[LAKE_KEY, THRESHOLDS_KEY],
    group_name="reports",
    kinds={"duckdb", "markdown"},
    owners=OWNERS,
    code_version=hash_modules(
        *(f"whale_platform.backtest.{name}" for name in COMPUTED_BY), "whale_platform.lake.analysis.alert_tables"
    ),
)
def whale_scorecard(context: dg.AssetExecutionContext, store: StoreResource) -> None:
    """Alerts a day, hit rates and prices after the whales of the week that ends with this day, against ordinary trades.

    As JSON and Markdown in `HOME/reports`. The verdict of a rule may be `no edge`.
    """
    from whale_platform.backtest import scorecard  # with numpy and DuckDB 120 MB, and every process loads this file

    day = context.partition_time_window.start.date()
    try:
        result = scorecard.run_scorecard(store.read(), day)
    except LakeError as error:
        raise dg.Failure(f"the lake can't be read: {error}", allow_retries=False) from None
    path = scorecard.write_scorecard(store.folder, day, result)
    picture = scorecard.draw_scorecard(result)
    shown = {} if picture is None else {"picture": dg.MetadataValue.md(embed_png(picture, "prices after whales"))}
    context.add_asset_metadata(
        {
            "trades": result.trades,
            "hours": result.hours,
            "rules": len(result.rules),
            "edges": sum(rule.verdict == "edge" for rule in result.rules),
            "file": dg.MetadataValue.path(str(path)),
            "report": dg.MetadataValue.md(scorecard.render_scorecard(result)),
            **shown,
        }
    )
