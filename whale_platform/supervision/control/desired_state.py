"""Whether a person wants a service to run: one small file a service, kept over every restart.

The default, also for an unreadable file, is running.
"""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from whale_platform.files.atomic_files import write_json


@dataclass(frozen=True, slots=True)
class DesiredState:
    """`since`: epoch seconds, 0 where it was never written; `by`: who, such as a Dagster run."""

    running: bool = True
    since: float = 0.0
    by: str = ""


def _desired_state_path(home: Path, service: str) -> Path:
    return home / "run" / f"{service}.desired.json"


def read_desired_state(home: Path, service: str) -> DesiredState:
    """Return the desired state."""
    try:
        return DesiredState(**json.loads(_desired_state_path(home, service).read_text()))
    except (OSError, ValueError, TypeError):
        return DesiredState()


def write_desired_state(home: Path, service: str, running: bool, requester: str) -> None:
    """Write the desired state."""
    write_json(_desired_state_path(home, service), asdict(DesiredState(running, time.time(), requester)))
