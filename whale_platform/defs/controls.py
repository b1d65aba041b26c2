"""Start, stop and restart a service from Dagster: each says what a person wants, waits for it, and says what came."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg

from whale_platform.settings import Settings
from whale_platform.supervision import desired, lease, published
from whale_platform.supervision.decide import WORKS
from whale_platform.supervision.published import request_restart

WITHIN_S = 120.0
LOOK_S = 0.25


def start(home: Path, service: str, by: str) -> Iterator[bool]:
    """Wanted from now on; true once it is ready."""
    desired.write(home, service, True, by)
    while True:
        yield _ready(home, service) is not None


def stop(home: Path, service: str, by: str) -> Iterator[bool]:
    """Not wanted until it is started again; true once its processes have ended."""
    desired.write(home, service, False, by)
    while True:
        yield all(lease.holder(home, name) is None for name in (service, published.shift_lease(service)))


def restart(home: Path, service: str, _by: str) -> Iterator[bool]:
    """A new process, and what it failed by forgiven; true once it is ready. Raises Failure where it is stopped."""
    if not desired.read(home, service).running:
        raise dg.Failure(f"{service} is stopped: launch `{service}_start` instead", allow_retries=False)
    before = (published.read_shift(home, service) or {"service": {"pid": None}})["service"]["pid"]
    request_restart(home, service)
    while True:
        yield _ready(home, service) not in (None, before)


ACTS: dict[str, tuple[Callable[[Path, str, str], Iterator[bool]], str]] = {
    "start": (start, "Lets the {0} run again after `{0}_stop`, forgets its failures, and waits until it is ready."),
    "stop": (
        stop,
        "Ends the {0} cleanly and keeps it stopped, also over a restart of everything, until `{0}_start`. Nothing is "
        "lost: it goes on where it stopped.",
    ),
    "restart": (restart, "Ends the {0}'s process cleanly and starts it anew; also lifts what it was blocked by."),
}


def _ready(home: Path, service: str) -> int | None:
    told = published.read_shift(home, service)
    return told["service"]["pid"] if told and told["service"]["state"] in WORKS else None


def job_of(service: str, act: str) -> dg.JobDefinition:
    """Such as `stream_stop`."""
    does, description = ACTS[act]

    @dg.op(name=f"{act}_{service}", out=dg.Out(dg.Nothing))
    def op(context: dg.OpExecutionContext) -> None:
        begun = time.monotonic()
        for done in does(Settings().home.resolve(), service, f"run {context.run_id}"):
            took = time.monotonic() - begun
            if done:
                context.log.info(f"{act} of the {service}: done after {took:.1f} s")
                context.add_output_metadata({"seconds": took})
                return
            if took > WITHIN_S:
                raise dg.Failure(
                    f"{act} of the {service}: not done after {WITHIN_S:.0f} s; see `whale status` and the log of its "
                    f"last shift (job `{service}`)",
                    allow_retries=False,
                )
            time.sleep(LOOK_S)

    @dg.job(
        name=f"{service}_{act}",
        executor_def=dg.in_process_executor,
        tags={"whale/control": service},
        description=description.format(service),
    )
    def job() -> None:
        op()

    return job


JOBS = [job_of(service, act) for service in Settings().dagster_keeps for act in ACTS]
