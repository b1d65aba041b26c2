"""The job that suggests thresholds."""

from datetime import timedelta

from whale_platform.defs.shared.job_factories import build_asset_job
from whale_platform.defs.thresholds.assets import whale_thresholds

suggest_thresholds = build_asset_job(
    "suggest_thresholds",
    [whale_thresholds],
    "Suggests a whale threshold for each symbol from its recent trades; never over what a person has set.",
    timedelta(hours=1),
)
