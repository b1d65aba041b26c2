"""Stop, start and restart one service by what the supervisor obeys: the desired state and requests, both files.

Each command is a generator that yields while it waits and returns when it is done; `complete_command` runs one to its
end. How long a service may take is the supervisor's to judge, so nothing here has a deadline: a command is given up
only while it waits for something else, or for a supervisor that no longer publishes, without any change for
`PATIENCE_S`.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from whale_platform.supervision.control import desired_state, state_files
from whale_platform.supervision.errors import CommandRefusedError
from whale_platform.supervision.policy.restart_policy import WORKING_STATES

PATIENCE_S = 120.0
LOOK_S = 0.1
# What runs this package's code, in the order in which all of it is restarted: who reads a topic before who writes it,
# since new code reads the messages of older code and not the other way round. A simulator would begin again.
RESTART_ORDER = (
    "topics",
    "migrate",
    "api",
    "sink",
    "stream",
    "ingester",
    "repair",
    "dagster-code",
    "dagster-daemon",
    "dagster-web",
)

CommandSteps = Iterator[object]


def start_service(home: Path, service: str, requester: str) -> CommandSteps:
    """Wanted from now on, and what it failed by forgiven; done once it works. Raises CommandRefusedError."""
    entry = _read_entry(home, service)
    desired_state.write_desired_state(home, service, True, requester)
    if entry["state"] in ("blocked", "backoff"):
        yield from restart_service(home, service)
    else:
        yield from _wait_until_working(home, service, 0)


def stop_service(home: Path, service: str, requester: str) -> CommandSteps:
    """Not wanted until it is started again; done once its process has ended. Raises CommandRefusedError."""
    _read_entry(home, service)
    desired_state.write_desired_state(home, service, False, requester)
    while True:
        entry = _read_entry(home, service)
        if entry["state"] == "stopped" and entry["pid"] is None:
            return
        yield entry["at"]


def restart_service(home: Path, service: str) -> CommandSteps:
    """A new process, and what it failed by forgiven; done once it works. Raises CommandRefusedError, also where it is
    stopped."""
    entry = _read_entry(home, service)
    wanted = desired_state.read_desired_state(home, service)
    if not wanted.running:
        raise CommandRefusedError(
            f"{service} was stopped by {wanted.by}: start it with the job `{service}_start` in Dagster"
        )
    state_files.request_restart(home, service)
    while state_files.has_restart_request(home, service):
        yield _read_entry(home, service)["at"]
    taken = _read_entry(home, service)["at"]
    while _read_entry(home, service)["at"] == taken:  # what was published before the request was taken says nothing
        yield taken
    yield from _wait_until_working(home, service, entry["starts"] + 1)


def complete_command(steps: CommandSteps, limit_s: float = PATIENCE_S) -> float:
    """Run an act to its end; seconds it took. Raises CommandRefusedError."""
    begun = since = time.monotonic()
    last: object = None
    for step in steps:
        now = time.monotonic()
        if step != last:
            last, since = step, now
        elif now - since > limit_s:
            raise CommandRefusedError(f"given up: nothing has changed for {limit_s:.0f} s; see `whale status`")
        time.sleep(LOOK_S)
    return time.monotonic() - begun


def _wait_until_working(home: Path, service: str, starts: int) -> CommandSteps:
    while True:
        entry = _read_entry(home, service)
        if entry["state"] in ("blocked", "backoff"):
            raise CommandRefusedError(f"{service} is {entry['state']}: {entry['detail']}; see `whale logs {service}`")
        if entry["state"] in WORKING_STATES and entry["starts"] >= starts:
            return
        yield entry["detail"] if entry["state"] == "waiting" else entry["at"]


def _read_entry(home: Path, service: str) -> dict[str, Any]:
    """The service's published entry, with the time at which it was published."""
    state = state_files.read_working_state(home, service)
    if state is None:
        raise CommandRefusedError(
            f"no supervisor keeps {service} of {home}: start it with `whale up`, or where it is a container with "
            f"`docker compose up -d {service}`"
        )
    if service not in state["services"]:
        raise CommandRefusedError(f"there is no service {service!a}: one of {', '.join(state['services'])}")
    return {**state["services"][service], "at": state["at"]}
