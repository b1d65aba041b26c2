"""The jobs of a service: its shift, and those that start, stop and restart it.

A control job requests its act of the supervisor and awaits the result; what a shift is, stands in `sensors.py`.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from whale_platform.defs.services.launcher import SERVICE_TAG, explain_unsupervised
from whale_platform.defs.shared.job_factories import NO_LIMIT, limit_runtime
from whale_platform.defs.shared.platform_settings import PlatformSettings
from whale_platform.settings import WORKERS
from whale_platform.supervision.control import service_commands, state_files
from whale_platform.supervision.errors import CommandRefusedError

CONTROL_LIMIT = timedelta(hours=2)
SERVICE_TASKS = {
    "ingester": "takes trades from the exchanges' WebSockets to Kafka, and fills gaps from their history",
    "stream": "computes windows and whale alerts from the trades, by Spark in real-time mode",
    "sink": "writes windows, alerts and the gap ledger to Postgres",
}
ACTS: dict[str, tuple[Callable[[Path, str, str], service_commands.CommandSteps], str]] = {
    "start": (
        service_commands.start_service,
        "Lets the {0} run again after `{0}_stop`, forgets its failures, and waits until it is ready.",
    ),
    "stop": (
        service_commands.stop_service,
        "Ends the {0} cleanly and keeps it stopped, also over a restart of everything, until `{0}_start`. Nothing is "
        "lost: it continues where it stopped.",
    ),
    "restart": (
        lambda home, service, _by: service_commands.restart_service(home, service),
        "Ends the {0}'s process cleanly and starts it again; also lifts what it was blocked by.",
    ),
}


def build_control_job(service: str, action: str) -> dg.JobDefinition:
    """Return the job that does `action` to `service`, such as `stream_stop`."""
    does, description = ACTS[action]

    @dg.op(name=f"{action}_{service}", out=dg.Out(dg.Nothing))
    def op(context: dg.OpExecutionContext, platform: PlatformSettings) -> None:
        try:
            took = service_commands.complete_command(does(platform.folder, service, f"run {context.run_id}"))
        except CommandRefusedError as refused:
            raise dg.Failure(f"{action} of the {service}: {refused}", allow_retries=False) from None
        context.log.info(f"{action} of the {service}: done after {took:.1f} s")
        context.add_output_metadata({"seconds": took})

    @dg.job(
        name=f"{service}_{action}",
        executor_def=dg.in_process_executor,
        tags={"whale/control": service, **limit_runtime(CONTROL_LIMIT)},
        description=description.format(service),
    )
    def job() -> None:
        op()

    return job


def build_shift_job(service: str) -> dg.JobDefinition:
    """A job whose runs are shifts. Its op is executed only where it is not the platform's own Dagster that launches."""

    @dg.op(name=f"show_{service}", description=f"Says how the {service} is, and ends.", out=dg.Out(dg.Nothing))
    def op(context: dg.OpExecutionContext, platform: PlatformSettings) -> None:
        home = platform.folder
        state = state_files.read_working_state(home, service)
        if state is None:
            raise dg.Failure(explain_unsupervised(service, str(home)), allow_retries=False)
        entry = state["services"][service]
        context.log.info(
            f"{describe_state(service, entry)} (pid {entry['pid']}), kept by the supervisor {state['pid']}"
        )

    @dg.job(
        name=service,
        executor_def=dg.in_process_executor,
        tags={SERVICE_TAG: service, "dagster/max_retries": "0", "dagster/priority": "10", **NO_LIMIT},
        description=f"A shift of the {service}, which {SERVICE_TASKS[service]}. "
        "The run shows what happens to it, and takes no process; the sensor begins one by itself, and the next when "
        f"this one ends. Terminating the run restarts the "
        f"{service}; to stop it, launch `{service}_stop`.",
    )
    def job() -> None:
        op()

    return job


def describe_state(service: str, entry: dict[str, Any]) -> str:
    """Return a line such as `sink backoff: ended with 1`; `entry` is of the supervisor's state."""
    return f"{service} {entry['state']}{': ' if entry['detail'] else ''}{entry['detail']}"


CONTROL_JOBS = [build_control_job(service, act) for service in WORKERS for act in ACTS]
SHIFT_JOBS: dict[str, dg.JobDefinition] = {service: build_shift_job(service) for service in WORKERS}


@dg.definitions
def service_jobs() -> dg.Definitions:
    """Return every job of every service."""
    return dg.Definitions(jobs=[*SHIFT_JOBS.values(), *CONTROL_JOBS])
