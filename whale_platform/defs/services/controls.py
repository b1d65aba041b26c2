"""Starts, stops and restarts a service from Dagster: each job requests it of the supervisor and awaits the result."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg

from whale_platform.settings import WORKERS, Settings
from whale_platform.supervision.control import service_commands
from whale_platform.supervision.errors import CommandRefusedError

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


def build_control_job(service: str, act: str) -> dg.JobDefinition:
    """Return the job that does `act` to `service`, such as `stream_stop`."""
    does, description = ACTS[act]

    @dg.op(name=f"{act}_{service}", out=dg.Out(dg.Nothing))
    def op(context: dg.OpExecutionContext) -> None:
        try:
            took = service_commands.complete_command(does(Settings().home.resolve(), service, f"run {context.run_id}"))
        except CommandRefusedError as refused:
            raise dg.Failure(f"{act} of the {service}: {refused}", allow_retries=False) from None
        context.log.info(f"{act} of the {service}: done after {took:.1f} s")
        context.add_output_metadata({"seconds": took})

    @dg.job(
        name=f"{service}_{act}",
        executor_def=dg.in_process_executor,
        tags={"whale/control": service},
        description=description.format(service),
    )
    def job() -> None:
        op()

    return job


JOBS = [build_control_job(service, act) for service in WORKERS for act in ACTS]
