"""The supervisor's two files for everyone else: the state it publishes and the requests it takes. Cheap to import."""

import json
from pathlib import Path
from typing import Any

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


def requests_folder(home: Path) -> Path:
    """Where `request_restart` leaves its files."""
    return home / "run" / "requests"


def request_restart(home: Path, service: str) -> None:
    """Ask the supervisor of `home` to stop and start one service, forgiving what it was blocked by."""
    path = requests_folder(home) / service
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
