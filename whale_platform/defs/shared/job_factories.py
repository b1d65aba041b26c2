"""How jobs and schedules are made here, so that each has a time limit, is in UTC and starts only where it should.

A run over its limit is interrupted and fails by Dagster's run monitoring (`run_monitoring` in dagster.yaml). The limit
is far beyond what the work takes, since a slow machine is no reason to end anything: it ends what hangs.
"""

from collections.abc import Sequence
from datetime import timedelta

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.storage.tags import MAX_RUNTIME_SECONDS_TAG

from whale_platform.defs.shared.own_instance import schedule_status

NO_LIMIT = {MAX_RUNTIME_SECONDS_TAG: "0"}


def limit_runtime(limit: timedelta) -> dict[str, str]:
    """Return the tag by which a run that takes longer fails."""
    return {MAX_RUNTIME_SECONDS_TAG: str(int(limit.total_seconds()))}


def build_op_job(op: dg.OpDefinition, name: str, description: str, limit: timedelta) -> dg.JobDefinition:
    """Return the job that does nothing but `op`."""

    @dg.job(name=name, description=description, tags=limit_runtime(limit))
    def upkeep_job() -> None:
        op()

    return upkeep_job


def build_asset_job(
    name: str,
    selection: dg.AssetSelection | Sequence[dg.AssetsDefinition],
    description: str,
    limit: timedelta,
) -> UnresolvedAssetJobDefinition:
    """Return the job that materialises or checks `selection`."""
    return dg.define_asset_job(name, selection=selection, description=description, tags=limit_runtime(limit))


def build_schedule(
    name: str,
    job: dg.JobDefinition | UnresolvedAssetJobDefinition,
    cron: str,
    description: str,
    run_config: dg.RunConfig | None = None,
    runs: bool = True,
) -> dg.ScheduleDefinition:
    """Return the schedule of `job` by `cron` in UTC. runs: whether it does so in the platform's own Dagster."""
    return dg.ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        run_config=run_config,
        default_status=schedule_status(runs),
        description=description,
    )
