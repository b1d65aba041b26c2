"""The supervisor's files, for everyone else: published states, their history, requests. Cheap to import."""

import contextlib
import json
from pathlib import Path
from typing import Any

from whale_platform.supervision import lease

SUPERVISOR = "supervisor"


def state_path(home: Path) -> Path:
    """The file that says how every service is: {pid, at, stopping, services: {name: …}, and what the caller adds}."""
    return home / "run" / "supervisor.json"


def read_state(home: Path) -> dict[str, Any] | None:
    """The last published state, or None. The supervisor may have ended since: see `read_living`."""
    return _read(state_path(home))


def read_living(home: Path) -> dict[str, Any] | None:
    """What the supervisor at work publishes; None where none is at work, or it has only just begun."""
    state = read_state(home)
    return state if state is not None and state.get("pid") == lease.holder(home, SUPERVISOR) else None


def changes_path(home: Path) -> Path:
    """The file with the last changes of every service: see `changes.Changes`."""
    return home / "run" / "changes.json"


def read_changes(home: Path) -> dict[str, Any] | None:
    """The last changes of state, or None."""
    return _read(changes_path(home))


def _read(path: Path) -> dict[str, Any] | None:
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


def restart_requested(home: Path, service: str) -> bool:
    """Whether such a request still waits to be taken."""
    return (requests_folder(home) / service).exists()


def take_restart(home: Path, service: str) -> bool:
    """Whether a restart of `service` was asked for; taken once."""
    try:
        (requests_folder(home) / service).unlink()
    except OSError:
        return False
    return True


def forget_requests(home: Path) -> None:
    """Drop what was asked of an earlier supervisor."""
    with contextlib.suppress(OSError):
        for request in requests_folder(home).iterdir():
            request.unlink()
