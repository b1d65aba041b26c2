"""When the checks run."""

from whale_platform.defs.quality.jobs import stream_checks
from whale_platform.defs.shared.job_factories import build_schedule

checks_hourly = build_schedule("checks_every_hour", stream_checks, "8 * * * *", "Runs all checks every hour.")
