"""The supervisors' files, for everyone else: published states, their history, requests. Cheap to import.

One supervisor keeps all services of a home; where each service is a container of its own, each has a supervisor of
its own (a part), named after it, and all share the home.
"""

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from whale_platform.supervision.runtime import lease

SUPERVISOR = "supervisor"


def own_supervisor_name(service: str) -> str:
    """The name of the supervisor that keeps `service` alone."""
    return f"{SUPERVISOR}-{service}"


def state_path(home: Path, supervisor: str = SUPERVISOR) -> Path:
    """The file that says how every service is: {pid, at, stopping, services: {name: …}, and what the caller adds}."""
    return home / "run" / f"{supervisor}.json"


def read_state(home: Path, supervisor: str = SUPERVISOR) -> dict[str, Any] | None:
    """The last published state, or None. The supervisor may have ended since: see `read_working_state`."""
    return _read_json(state_path(home, supervisor))


def read_working_state(home: Path, service: str = "") -> dict[str, Any] | None:
    """What the supervisor at work publishes, of all services or of `service` alone; None where none is at work, or it
    has only just begun."""
    for supervisor in (SUPERVISOR, *([own_supervisor_name(service)] if service else ())):
        state = read_state(home, supervisor)
        if state is not None and state.get("pid") == lease.find_lease_holder(home, supervisor):
            return state
    return None


def list_parts(home: Path) -> list[str]:
    """The services that have, or had, a supervisor of their own in this home, in order of name."""
    prefix = own_supervisor_name("")
    return sorted(path.stem.removeprefix(prefix) for path in (home / "run").glob(f"{prefix}*.json"))


def list_working_parts(home: Path) -> list[str]:
    """The services of `list_parts` whose supervisor is at work."""
    return [name for name in list_parts(home) if lease.find_lease_holder(home, own_supervisor_name(name)) is not None]


def changes_path(home: Path, supervisor: str = SUPERVISOR) -> Path:
    """The file with the last changes of every service: see `state_changes.StateChanges`."""
    return home / "run" / f"changes{supervisor.removeprefix(SUPERVISOR)}.json"


def read_changes(home: Path, service: str = "") -> dict[str, Any] | None:
    """The last changes of state as the supervisor at work writes them, or None; see `read_working_state`."""
    own = service and _has_living_part(home, service)
    return _read_json(changes_path(home, own_supervisor_name(service) if own else SUPERVISOR))


def _has_living_part(home: Path, service: str) -> bool:
    return (
        lease.find_lease_holder(home, SUPERVISOR) is None
        and lease.find_lease_holder(home, own_supervisor_name(service)) is not None
    )


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def requests_folder(home: Path) -> Path:
    """Where `request_restart` leaves its files."""
    return home / "run" / "requests"


def request_restart(home: Path, service: str) -> None:
    """Ask the supervisor to stop and start `service`, forgiving what it was blocked by."""
    path = requests_folder(home) / service
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def has_restart_request(home: Path, service: str) -> bool:
    """Whether such a request still waits to be taken."""
    return (requests_folder(home) / service).exists()


def pop_restart_request(home: Path, service: str) -> bool:
    """Whether a restart of `service` was asked for; taken once."""
    try:
        (requests_folder(home) / service).unlink()
    except OSError:
        return False
    return True


def delete_requests(home: Path, services: Iterable[str]) -> None:
    """Delete the requests to an earlier supervisor of these services."""
    for service in services:
        with contextlib.suppress(OSError):
            (requests_folder(home) / service).unlink()
