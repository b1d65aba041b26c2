"""The files of whoever keeps services alive, for everyone else: published states, requests. Cheap to import."""

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
    """The last published state, or None. The supervisor may have ended since: see `lease.holder`."""
    try:
        state = json.loads(state_path(home).read_text())
    except (OSError, ValueError):
        return None
    return state if isinstance(state, dict) else None


def shift_lease(service: str) -> str:
    """The lease that a shift of `service` holds."""
    return f"{service}.shift"


def shift_path(home: Path, service: str) -> Path:
    """Where a shift publishes."""
    return home / "run" / f"{service}.shift.json"


def read_shift(home: Path, service: str) -> dict[str, Any] | None:
    """What the shift at work publishes: {run_id, pid, at, service: {…}}; None where none is at work."""
    pid = lease.holder(home, shift_lease(service))
    try:
        published: dict[str, Any] = json.loads(shift_path(home, service).read_text())
    except (OSError, ValueError):
        return None
    return published if pid is not None and published.get("pid") == pid else None


def requests_folder(home: Path) -> Path:
    """Where `request_restart` leaves its files."""
    return home / "run" / "requests"


def request_restart(home: Path, service: str) -> None:
    """Ask whoever keeps `service` alive to stop and start it, forgiving what it was blocked by."""
    path = requests_folder(home) / service
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


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
