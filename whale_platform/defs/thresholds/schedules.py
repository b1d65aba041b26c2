"""When thresholds are suggested: never by itself, until a person turns the schedule on."""

from whale_platform.defs.shared.job_factories import build_schedule
from whale_platform.defs.thresholds.jobs import suggest_thresholds

thresholds_daily = build_schedule(
    "thresholds_every_day",
    suggest_thresholds,
    "41 0 * * *",
    "Suggests thresholds again each day. Off until it is turned on: numbers of whales then change with it.",
    runs=False,
)
