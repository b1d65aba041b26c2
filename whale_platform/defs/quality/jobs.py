"""All checks as one job."""

from datetime import timedelta

import dagster as dg

from whale_platform.defs.quality import alert_checks, audit_checks, disk_checks, live_checks, table_checks
from whale_platform.defs.reports import checks as report_checks
from whale_platform.defs.shared.job_factories import build_asset_job

CHECKS = (
    *(*table_checks.CHECKS, *live_checks.CHECKS, *disk_checks.CHECKS, *report_checks.CHECKS),
    *(*audit_checks.CHECKS, *alert_checks.CHECKS),
)

stream_checks = build_asset_job(
    "stream_checks",
    dg.AssetSelection.checks(*CHECKS),
    "Asks the stream's tables whether they are as promised.",
    timedelta(hours=6),
)
