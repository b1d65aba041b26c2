"""Jobs that delete, each one a dry run by default."""

from datetime import timedelta

from whale_platform.defs.maintenance.checkpoint_reset import reset_checkpoint
from whale_platform.defs.maintenance.housekeeping import delete_old_runs
from whale_platform.defs.maintenance.retention import let_old_days_go
from whale_platform.defs.shared.job_factories import build_op_job

retention = build_op_job(
    let_old_days_go,
    "retention",
    "Drops old days of the stream tables, never before their hours are rolled up. Dry run by default.",
    timedelta(hours=2),
)

dagster_housekeeping = build_op_job(
    delete_old_runs,
    "dagster_housekeeping",
    "Deletes old finished runs of services, checks and upkeep from Dagster's storage, and old logs and replaced "
    "events of the others; what made a partition last stays. Dry run by default.",
    timedelta(hours=6),
)

checkpoint_reset = build_op_job(
    reset_checkpoint,
    "checkpoint_reset",
    "Archives the stream's checkpoints and starts it again; refused while it runs: launch `stream_stop` first. Dry "
    "run by default; otherwise it asks for the home's name.",
    timedelta(hours=2),
)
