"""Dagster's own storage kept small: old runs of services and of upkeep go; those that made partitions never do.

Deleting a run deletes its events, and with them what Dagster knows of the partitions it made. So only the jobs named
here are looked at. Old ticks go by `retention` in dagster.yaml.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import dagster as dg
from pydantic import Field

from whale_platform.defs import check_jobs, checkpoint, controls, retention, shifts
from whale_platform.reports.tables import table

FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
BATCH = 100
NAME = "dagster_housekeeping"


class Housekeeping(dg.Config):
    """What the launchpad asks for."""

    days: int = Field(7, ge=1, description="Finished runs of services and upkeep older than this go.")
    keep: int = Field(20, ge=1, description="The newest runs of each job stay, however old.")
    dry_run: bool = Field(True, description="Only say what would go.")


def jobs() -> list[str]:
    """Names of the jobs whose old runs may go."""
    upkeep = (check_jobs.stream_checks.name, retention.retention.name, checkpoint.checkpoint_reset.name, NAME)
    return [*shifts.JOBS, *(job.name for job in controls.JOBS), *upkeep]


def old_runs(instance: dg.DagsterInstance, names: Iterable[str], before: datetime, keep: int) -> dict[str, list[str]]:
    """Ids of the finished runs created before then, oldest last, without the `keep` newest of each job."""
    out: dict[str, list[str]] = {}
    for name in names:
        newest = {run.run_id for run in instance.get_runs(dg.RunsFilter(job_name=name), limit=keep)}
        old = instance.get_runs(dg.RunsFilter(job_name=name, statuses=FINISHED, created_before=before))
        out[name] = [run.run_id for run in old if run.run_id not in newest]
    return out


@dg.op
def delete_old_runs(context: dg.OpExecutionContext, config: Housekeeping) -> None:
    """Deletes them one by one, saying how far it is."""
    found = old_runs(context.instance, jobs(), datetime.now(UTC) - timedelta(days=config.days), config.keep)
    going = [run_id for ids in found.values() for run_id in ids]
    text = table(("job", "old runs"), [(name, len(ids)) for name, ids in found.items() if ids])
    context.log.info(text if going else "No run is old enough to go.")
    if not config.dry_run:
        for number, run_id in enumerate(going, 1):
            context.instance.delete_run(run_id)
            if number % BATCH == 0:
                context.log.info(f"{number} of {len(going)} runs deleted")
    gone = 0 if config.dry_run else len(going)
    context.add_output_metadata({"plan": dg.MetadataValue.md(text), "found": len(going), "gone": gone})


@dg.job(
    name=NAME,
    description="Deletes old finished runs of services, checks and upkeep from Dagster's storage; runs that made "
    "assets stay. Dry run by default.",
)
def dagster_housekeeping() -> None:
    """One op."""
    delete_old_runs()


every_night = dg.ScheduleDefinition(
    name="housekeeping_every_night",
    job=dagster_housekeeping,
    cron_schedule="37 4 * * *",
    execution_timezone="UTC",
    run_config=dg.RunConfig({"delete_old_runs": Housekeeping(days=7, keep=20, dry_run=False)}),
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Deletes runs of services, checks and upkeep that are older than a week.",
)
