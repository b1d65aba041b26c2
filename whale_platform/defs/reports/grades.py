"""Grades as an asset: each night, what was found against what is known to be true."""

from datetime import timedelta

import dagster as dg

from whale_platform.defs.lineage.assets import GRADES_KEY, LAKE_KEY, OWNERS, THRESHOLDS_KEY
from whale_platform.defs.shared.code_versions import hash_modules
from whale_platform.defs.shared.partitions import DAYS
from whale_platform.defs.shared.store_resource import StoreResource
from whale_platform.domain.whale import build_threshold_periods
from whale_platform.lake.errors import LakeError
from whale_platform.reports.charts import embed_png
from whale_platform.stores.asset_tables.thresholds import read_threshold_history

COMPUTED_BY = ("grades", "grade_counts", "robot_grades", "robot_search", "clusters", "cluster_search")
GRADES_FRESHNESS = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=50), warn_window=timedelta(hours=30))


@dg.asset(
    key=GRADES_KEY,
    partitions_def=DAYS,
    freshness_policy=GRADES_FRESHNESS,
    deps=[LAKE_KEY, THRESHOLDS_KEY],
    group_name="reports",
    kinds={"duckdb", "markdown"},
    owners=OWNERS,
    code_version=hash_modules(
        *(f"whale_platform.backtest.{name}" for name in COMPUTED_BY),
        *(f"whale_platform.lake.analysis.{name}" for name in ("sweep_truth", "sweeps", "taker_orders")),
    ),
)
def detection_grades(context: dg.AssetExecutionContext, store: StoreResource) -> None:
    """Recall and precision of a day's sweeps, robots and clusters, by size and noise.

    Sweeps are found with order ids and parties hidden, then compared with them; robots with parties hidden, against
    them and against what the simulator has planted. Where nothing is known to be true, the report states it. As JSON
    and Markdown in `HOME/reports`.
    """
    from whale_platform.backtest import grades  # with numpy and DuckDB, and every process loads this file
    from whale_platform.simulator.errors import PlaySetupError
    from whale_platform.simulator.play.planted_orders import planted_path, read_planted

    day, settings = context.partition_time_window.start.date(), store.read()
    thresholds = build_threshold_periods(read_threshold_history(store.dsn()), settings.threshold_usd)
    try:
        planted = read_planted(planted_path(store.folder))
        lines = grades.grade_day(settings.trades_lake, day, thresholds, planted)
    except LakeError as error:
        raise dg.Failure(f"the lake can't be read: {error}", allow_retries=False) from None
    except PlaySetupError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    path, picture = grades.write_grades(store.folder, day, lines), grades.draw_grades(lines)
    shown = {} if picture is None else {"picture": dg.MetadataValue.md(embed_png(picture, "recall and precision"))}
    context.add_asset_metadata(
        {
            "graded": len(lines),
            "subjects": ", ".join(sorted({line.subject for line in lines})) or "nothing to grade",
            "file": dg.MetadataValue.path(str(path)),
            "report": dg.MetadataValue.md(grades.render_grades(lines)),
            **shown,
        }
    )
