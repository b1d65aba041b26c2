"""The services as Dagster runs: a run is a shift that shows one service's life, a sensor keeps one shift at work.

The supervisor keeps the services; nothing here starts, holds or ends a process, so Dagster may be down or be killed at
any time. The sensor reads the supervisor's files: it writes each change of a service's state into the log of its shift,
also those that came while Dagster was down, and ends the shift when it is over. Terminating a shift restarts its
service (`launcher.py`); the stop job is what stops it. What is to be done is decided in
`supervision/control/shift_policy.py`.
"""

import json
import time
from typing import Any

import dagster as dg

from whale_platform.defs.services.jobs import SHIFT_JOBS, describe_state
from whale_platform.defs.services.launcher import SUPERVISOR_TAG, ServiceLauncher, log_to_run, report_event
from whale_platform.defs.shared.own_instance import sensor_status
from whale_platform.defs.shared.platform_settings import PlatformSettings
from whale_platform.supervision.control import desired_state, shift_policy, state_files

TICK_S = 1  # the daemon looks every 5 s; more than that would make it every second time
REMEMBERED = 5
WARNING_STATES = ("backoff", "blocked", "degraded")
_states: dict[dg.DagsterRunStatus, str] = {
    dg.DagsterRunStatus.SUCCESS: "done",
    dg.DagsterRunStatus.CANCELED: "done",
    dg.DagsterRunStatus.FAILURE: "failed",
    dg.DagsterRunStatus.QUEUED: "queued",
    dg.DagsterRunStatus.NOT_STARTED: "starting",
    dg.DagsterRunStatus.STARTING: "starting",
}
ShiftCursor = dict[str, list[Any]]  # by service: the supervisor's life, and the number of the last change that was told


@dg.sensor(
    name="shifts",
    jobs=list(SHIFT_JOBS.values()),
    minimum_interval_seconds=TICK_S,
    default_status=sensor_status(),
    description="Keeps exactly one shift of each service at work, and writes into it what happens to the service. "
    "Turned off, nothing is shown any more; the services run on. To stop one and let it stay stopped: `…_stop`.",
)
def shifts_sensor(context: dg.SensorEvaluationContext, platform: PlatformSettings) -> dg.SensorResult:
    """Looks every few seconds."""
    if not isinstance(context.instance.run_launcher, ServiceLauncher):
        return dg.SensorResult(skip_reason="this is not the platform's own Dagster: it follows no services")
    home = platform.folder
    cursor: ShiftCursor = json.loads(context.cursor or "{}")
    requests, reasons = [], []
    for service in SHIFT_JOBS:
        state, changes = state_files.read_working_state(home, service), state_files.read_changes(home, service) or {}
        runs = _read_runs(context.instance, service)
        view = shift_policy.ShiftView(
            time.time(),
            [_to_shift_run(record) for record in runs],
            _to_observed_service(state, service),
            desired_state.read_desired_state(home, service),
        )
        run = next((one.dagster_run for one in runs if one.dagster_run.status is dg.DagsterRunStatus.STARTED), None)
        if run is not None:
            _log_changes(context.instance, run, service, changes, cursor)
        match shift_policy.decide_shift(view):
            case shift_policy.EndShift(run_id, reason, failed):
                _end_shift(context.instance, run_id, reason, failed)
                reasons.append(f"{service}: run {run_id[:8]} is over: {reason}")
            case shift_policy.BeginShift(key):
                requests.append(dg.RunRequest(run_key=f"{service}:{key}", job_name=service))
            case shift_policy.KeepShift(reason):
                reasons.append(f"{service}: {reason}")
    skip = None if requests else "; ".join(reasons)
    return dg.SensorResult(run_requests=requests, skip_reason=skip, cursor=json.dumps(cursor))


def _read_runs(instance: dg.DagsterInstance, service: str) -> list[Any]:
    return list(instance.get_run_records(dg.RunsFilter(job_name=service), limit=REMEMBERED))


def _to_shift_run(record: Any) -> shift_policy.ShiftRun:
    run = record.dagster_run
    state: Any = _states.get(run.status, "started")
    return shift_policy.ShiftRun(
        run.run_id, state, record.start_time, record.end_time, run.tags.get(SUPERVISOR_TAG, "")
    )


def _to_observed_service(state: dict[str, Any] | None, service: str) -> shift_policy.ObservedService | None:
    if state is None or service not in state["services"]:
        return None
    entry = state["services"][service]
    taken = {name: entry[name] for name in ("state", "detail", "started", "short_lives")}
    return shift_policy.ObservedService(state["life"], state["stopping"], **taken)


def _log_changes(
    instance: dg.DagsterInstance, run: dg.DagsterRun, service: str, changes: dict[str, Any], cursor: ShiftCursor
) -> None:
    """Write into `run` what has happened since the cursor, in the life that it follows."""
    life = run.tags.get(SUPERVISOR_TAG)
    if changes.get("life") != life:
        return
    told_life, told = cursor.get(service, ["", 0])
    for change in changes["services"].get(service, ()):
        if told_life != life or change["n"] > told:
            log_to_run(instance, run, describe_state(service, change), change["at"], change["state"] in WARNING_STATES)
            cursor[service] = [life, change["n"]]


def _end_shift(instance: dg.DagsterInstance, run_id: str, reason: str, failed: bool) -> None:
    run = instance.get_run_by_id(run_id)
    if run is None or run.is_finished:
        return
    if failed:
        instance.report_run_failed(run, f"The {run.job_name} keeps dying: {reason}.")
    else:
        report_event(instance, run, dg.DagsterEventType.PIPELINE_SUCCESS, f"The shift is over: {reason}.")
