"""Keeps Dagster's storage small: old runs of services and of upkeep are deleted, those of partitions never.

Deleting a run deletes its events, and with them what Dagster knows of the partitions it made. So only the jobs named
here are looked at, and of those no run that made one; what else is old goes by event (`events.py`) or by evaluation of
a check (`check_history.py`), ticks by `retention` in dagster.yaml.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import dagster as dg
from pydantic import Field

from whale_platform.defs.lake.jobs import lake_compaction, lake_retention, lake_vacuum
from whale_platform.defs.lineage.assets import build_specs
from whale_platform.defs.maintenance import check_history, events
from whale_platform.defs.quality.jobs import stream_checks
from whale_platform.defs.recompute.jobs import late_trades
from whale_platform.defs.services.jobs import CONTROL_JOBS, SHIFT_JOBS
from whale_platform.defs.shared.confirmation import DeletionConfig, explain_unconfirmed, is_confirmed
from whale_platform.defs.shared.platform_settings import PlatformSettings
from whale_platform.defs.thresholds.jobs import suggest_thresholds
from whale_platform.domain import deletion_limits
from whale_platform.reports.tables import render_table

FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
UNFINISHED = [status for status in dg.DagsterRunStatus if status not in FINISHED]
BATCH = 100
OWN_JOBS = ("dagster_housekeeping", "retention", "checkpoint_reset")  # of jobs.py, which imports this module


class HousekeepingConfig(DeletionConfig):
    """What the launchpad asks for."""

    days: int = Field(7, ge=1, description="Runs of services and upkeep, and logs of all runs, older than this go.")
    keep: int = Field(20, ge=1, description="The newest runs of each of those jobs stay, however old.")


def list_upkeep_jobs() -> list[str]:
    """Names of the jobs whose old runs may go."""
    upkeep = (stream_checks, lake_compaction, lake_retention, lake_vacuum, late_trades, suggest_thresholds)
    return [*SHIFT_JOBS, *(job.name for job in CONTROL_JOBS), *(job.name for job in upkeep), *OWN_JOBS]


def find_old_runs(
    instance: dg.DagsterInstance, names: Iterable[str], before: datetime, keep: int
) -> dict[str, list[str]]:
    """Ids of the finished runs created before then, oldest last, without the `keep` newest of each job."""
    out: dict[str, list[str]] = {}
    for name in names:
        newest = find_newest_runs(instance, [name], keep)
        old = instance.get_runs(dg.RunsFilter(job_name=name, statuses=FINISHED, created_before=before))
        out[name] = [
            run.run_id for run in old if run.run_id not in newest and not has_materialised(instance, run.run_id)
        ]
    return out


def find_newest_runs(instance: dg.DagsterInstance, names: Iterable[str], keep: int) -> set[str]:
    """Ids of the `keep` newest runs of each job."""
    return {run.run_id for name in names for run in instance.get_runs(dg.RunsFilter(job_name=name), limit=keep)}


def has_materialised(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether a run materialised a partition of anything."""
    made = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records
    return any(one.partition_key is not None for one in made)


@dg.op
def delete_old_runs(context: dg.OpExecutionContext, config: HousekeepingConfig, platform: PlatformSettings) -> None:
    """Deletes them one by one, saying how far it is; then old events of the others."""
    instance, now = context.instance, datetime.now(UTC)
    if not is_confirmed(config, platform) and not config.dry_run:
        with explain_unconfirmed(platform):
            deletion_limits.check_days(config.days)
    before = now - timedelta(days=config.days)
    found = find_old_runs(instance, list_upkeep_jobs(), before, config.keep)
    unfinished = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    spared = find_newest_runs(instance, list_upkeep_jobs(), config.keep) | {run.run_id for run in unfinished}
    going = [run_id for ids in found.values() for run_id in ids]
    reported = [spec.key.to_string() for spec in build_specs(platform.read())]
    old = events.find_old_events(instance, now, before, {*spared, *going}, reported)
    bulky = events.find_bulky_events(instance, before)
    checks = check_history.find_old_evaluations(instance, before)
    rows = [(f"runs of {name}", len(ids)) for name, ids in found.items() if ids]
    rows += [(f"events: {name}", len(ids)) for name, ids in old.items() if ids]
    rows += [("evaluations of checks", len(checks))] if checks else []
    rows += [("reports and pictures in old events", len(bulky))] if bulky else []
    text = render_table(("what", "old"), rows) if rows else "Nothing is old enough to be deleted."
    context.log.info(text)
    if not config.dry_run:
        for number, run_id in enumerate(going, 1):
            instance.delete_run(run_id)
            if number % BATCH == 0:
                context.log.info(f"{number} of {len(going)} runs deleted")
        for ids in old.values():
            events.delete_events(instance, ids)
        check_history.delete_evaluations(instance, checks)
        events.strip_metadata(instance, bulky)
    counts = {"runs": len(going), "events": sum(map(len, old.values())), "evaluations": len(checks)}
    context.add_output_metadata({"plan": dg.MetadataValue.md(text), **counts, "dry_run": config.dry_run})
