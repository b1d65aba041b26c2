"""Jobs that materialise reports: of hours, and of days."""

from datetime import timedelta

import dagster as dg

from whale_platform.defs.lineage.assets import (
    CLUSTERS_KEY,
    DAILY_KEY,
    FITS_KEY,
    GRADES_KEY,
    REPORTS_KEY,
    ROLLUPS_KEY,
    SCORECARD_KEY,
    SIZE_BANDS_KEY,
)
from whale_platform.defs.reports.checks import (
    bands_are_their_windows,
    reports_are_their_whales,
    rollups_are_their_windows,
    whales_add_up,
)
from whale_platform.defs.shared.job_factories import build_asset_job

OF_THE_AUDIT = dg.AssetCheckKey(SIZE_BANDS_KEY, "bands_are_the_lakes")  # which is one step with the audit's others

hourly_assets = build_asset_job(
    "hourly_assets",
    (dg.AssetSelection.assets(ROLLUPS_KEY, REPORTS_KEY, SIZE_BANDS_KEY) - dg.AssetSelection.checks(OF_THE_AUDIT))
    | dg.AssetSelection.checks(whales_add_up, bands_are_their_windows),
    "Makes the rollups, whale reports and size bands of the chosen hours; making them again changes nothing.",
    timedelta(hours=6),
)

cluster_assets = build_asset_job(
    "cluster_assets",
    dg.AssetSelection.assets(CLUSTERS_KEY),
    "Finds the clusters of whales of the chosen hours in the lake.",
    timedelta(hours=6),
)

daily_assets = build_asset_job(
    "daily_assets",
    dg.AssetSelection.assets(DAILY_KEY) | dg.AssetSelection.checks(rollups_are_their_windows, reports_are_their_whales),
    "Makes the market report of the chosen days, from rollups and whale reports that are right.",
    timedelta(hours=1),
)

scorecard_assets = build_asset_job(
    "scorecard_assets",
    dg.AssetSelection.assets(SCORECARD_KEY),
    "Tries the standard rules for whales on the week that ends with each chosen day.",
    timedelta(hours=6),
)

impact_assets = build_asset_job(
    "impact_assets",
    dg.AssetSelection.assets(FITS_KEY),
    "Fits the square-root law of impact to the sweeps of the week that ends with each chosen day.",
    timedelta(hours=1),
)

grade_assets = build_asset_job(
    "grade_assets",
    dg.AssetSelection.assets(GRADES_KEY),
    "Grades the sweeps, robots and clusters of each chosen day against what is known to be true.",
    timedelta(hours=6),
)
