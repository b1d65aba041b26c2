"""The services as Dagster runs: a run is a shift that keeps one service alive, a sensor keeps one shift at work.

Terminating a run restarts its service; the stop job is what stops it. What is decided and why is in
`supervision/roster.py`, what a shift does in `supervision/shift.py`; here they meet Dagster. A run says only what
changes. While Dagster's storage is away a shift goes on and says nothing there. A shift outlives the code server that
launched it; a new one can't reach it to terminate it, so a shift also looks for itself whether its run was ended.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import dagster as dg

from whale_platform.services.specs import worker
from whale_platform.settings import Settings
from whale_platform.supervision import desired, lease, logs, published, roster, shift
from whale_platform.supervision.decide import Shown
from whale_platform.supervision.lease import Lease, LeaseRefused
from whale_platform.version import deployed_code

SHIFT_S = 24 * 3600
CODE_S, RUN_S = 30.0, 5.0
TICK_S = 1  # the daemon looks every 5 s; more than that would make it every second time
LOOK_AGAIN_S = 1.5  # a shift that lives says so within a second
REMEMBERED = 10
SERVICE = "whale/service"
FINAL = (dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.FAILURE)
DOES = {
    "ingester": "takes trades from the exchanges' WebSockets to Kafka, and fills holes from their history",
    "stream": "makes windows and whale alerts of the trades, by Spark in real-time mode",
    "sink": "writes windows, alerts and the ledger of holes to Postgres",
}
_states: dict[dg.DagsterRunStatus, str] = {
    dg.DagsterRunStatus.SUCCESS: "done",
    dg.DagsterRunStatus.CANCELED: "done",
    dg.DagsterRunStatus.FAILURE: "failed",
    dg.DagsterRunStatus.QUEUED: "queued",
    dg.DagsterRunStatus.NOT_STARTED: "starting",  # not queued yet, nor ever if the daemon was killed just then
    dg.DagsterRunStatus.STARTING: "starting",
}
_held: list[Lease] = []  # let go by the end of the process, when its run has been written down as ended


def over(context: dg.OpExecutionContext, service: str) -> Callable[[], str | None]:
    """What ends a shift well: asked twice a second, so the dear questions are asked less often."""
    home, begun, code = Settings().home.resolve(), time.monotonic(), deployed_code()
    supervisor = lease.holder(home, published.SUPERVISOR)
    asked = {"code": begun, "run": begun}

    def due(question: str, every_s: float) -> bool:
        if time.monotonic() - asked[question] < every_s:
            return False
        asked[question] = time.monotonic()
        return True

    def ended_in_dagster() -> bool:
        with contextlib.suppress(Exception):  # its storage may be away for a while: that ends no shift
            run = context.instance.get_run_by_id(context.run_id)
            return run is None or run.status in FINAL
        return False

    def why() -> str | None:
        if shift.asked_to_end(home):
            return "Dagster is about to end"
        wanted = desired.read(home, service)
        if not wanted.running:
            return f"stopped by {wanted.by}"
        if supervisor is not None and lease.holder(home, published.SUPERVISOR) != supervisor:
            return "the supervisor is gone"
        if time.monotonic() - begun > SHIFT_S:
            return "a day is over: the next shift begins afresh"
        if due("code", CODE_S) and (now := deployed_code()) not in ("", code):
            return f"new code: {code} has become {now}"
        if due("run", RUN_S) and ended_in_dagster():
            return "the run was ended in Dagster"
        return None

    return why


def keep(context: dg.OpExecutionContext, service: str) -> str:
    """The body of a shift's op; returns why it ended. Raises Failure where the service keeps dying."""
    settings = Settings()
    settings = settings.model_copy(update={"home": settings.home.resolve()})
    logs.configure(settings.log_level)

    def say(state: Shown, detail: str) -> None:
        with contextlib.suppress(Exception):  # Dagster's storage is away: the service matters more
            log = context.log.warning if state in ("backoff", "blocked", "degraded") else context.log.info
            log(f"{service} {state}{': ' if detail else ''}{detail}")

    made = shift.Shift(settings.home, worker(settings, service), context.run_id, over(context, service), say)
    _held.append(made.lease)
    try:
        reason = made.run()
    except (shift.KeepsDying, LeaseRefused) as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    context.log.info(f"the shift is over: {reason}")
    return reason


def job_of(service: str) -> dg.JobDefinition:
    """One op that runs the service's process."""

    @dg.op(name=f"keep_{service}", description=f"Keeps the process alive that {DOES[service]}.", out=dg.Out(dg.Nothing))
    def op(context: dg.OpExecutionContext) -> None:
        keep(context, service)

    @dg.job(
        name=service,
        executor_def=dg.in_process_executor,
        tags={SERVICE: service, "dagster/max_retries": "0", "dagster/priority": "10"},
        description=f"A shift of the {service}: it {DOES[service]}. Its sensor begins one by itself, and the next when "
        f"this one ends: terminating the run restarts the {service}; to stop it, launch `{service}_stop`.",
    )
    def job() -> None:
        op()

    return job


def seen(instance: dg.DagsterInstance, settings: Settings, service: str, now: float) -> roster.Seen:
    """What the sensor sees of a service: its last runs, the lease, what a person wants."""
    home = settings.home.resolve()
    records = instance.get_run_records(dg.RunsFilter(job_name=service), limit=REMEMBERED)
    pid = lease.holder(home, published.shift_lease(service))
    said = published.read_shift(home, service) or {}
    return roster.Seen(
        now,
        [_run(record) for record in records],
        roster.Holder(pid, said.get("run_id"), said.get("at")) if pid is not None else None,
        desired.read(home, service),
        shift.asked_to_end(home),
    )


def _run(record: Any) -> roster.Run:
    run = record.dagster_run
    updated = record.update_timestamp.timestamp()
    state: Any = _states.get(run.status, "started")
    return roster.Run(run.run_id, state, updated, record.start_time or updated, record.end_time)


def sensor_of(service: str, job: dg.JobDefinition) -> dg.SensorDefinition:
    """Looks every few seconds whether a shift must begin."""

    @dg.sensor(
        name=f"{service}_shifts",
        job=job,
        minimum_interval_seconds=TICK_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Keeps exactly one shift of the {service} at work. Turned off, a shift that ends is not followed "
        f"by another; the one at work goes on. To stop the {service} and let it stay stopped: `{service}_stop`.",
    )
    def evaluate(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        settings = Settings()
        for _ in range(REMEMBERED):
            match _decide(partial(seen, context.instance, settings, service)):
                case roster.Reap(run_id, reason, pid):
                    context.log.warning(f"run {run_id} is over: {reason}")
                    reap(context.instance, run_id, reason, pid)
                case roster.Start(key):
                    return dg.RunRequest(run_key=f"{service}:{key}")
                case roster.Wait(reason):
                    return dg.SkipReason(reason)
        return dg.SkipReason("too many runs to reap at once")

    return evaluate


def _decide(look: Callable[[float], roster.Seen]) -> roster.Start | roster.Wait | roster.Reap:
    """What to do now. Nothing is killed on one look: after a suspend, or the clock being set, all seem to be silent."""
    answer = roster.decide(look(time.time()))
    if isinstance(answer, roster.Reap) and answer.kill is not None:
        time.sleep(LOOK_AGAIN_S)
        answer = roster.decide(look(time.time()))
    return answer


def reap(instance: dg.DagsterInstance, run_id: str, reason: str, pid: int | None) -> None:
    """End the process where there is one, and write the run down as failed where it is not finished."""
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    run = instance.get_run_by_id(run_id)
    if run is not None and not run.is_finished:
        instance.report_run_failed(run, f"The shift is over: {reason}.")


JOBS = {service: job_of(service) for service in Settings().dagster_keeps}
SENSORS = [sensor_of(service, job) for service, job in JOBS.items()]
