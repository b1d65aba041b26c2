"""A service's heartbeat: one small JSON file, replaced atomically about once a second.

The supervisor judges by progress, not by pids, nor by the heartbeat's age, since a thread of its own writes it while
all else hangs: every loop of `progress` must advance. A torn or missing file reads as None.
"""

import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from whale_platform.files.atomic_files import write_text

ServiceState = Literal["starting", "ready", "degraded", "blocked", "stopping"]
HEARTBEAT_INTERVAL_S = 1.0


@dataclass(slots=True)
class Heartbeat:
    """What a service reports of itself. `numbers` holds its counters and latencies; `at`, `started`: epoch seconds.

    `progress`: how often each of its loops has come round; `patience`: how many seconds the next round of a loop that
    waits for somebody else may take.
    """

    service: str
    pid: int = field(default_factory=os.getpid)
    state: ServiceState = "starting"
    detail: str = ""
    started: float = field(default_factory=time.time)
    at: float = 0.0
    numbers: dict[str, Any] = field(default_factory=dict)
    progress: dict[str, int] = field(default_factory=dict)
    patience: dict[str, float] = field(default_factory=dict)


def heartbeat_path(home: Path, service: str) -> Path:
    """Return the path of the heartbeat file of `service`."""
    return home / "run" / f"{service}.beat.json"


def write_heartbeat(home: Path, beat: Heartbeat) -> None:
    """Beat once, now; in place where the disk is full, since no progress seen gets a service killed. Raises OSError."""
    beat.at = time.time()
    path, text = heartbeat_path(home, beat.service), json.dumps(asdict(beat), default=str)
    try:
        write_text(path, text)
    except OSError:
        with path.open("r+") as file:  # a full disk has no room for another file, and this one's block is its own
            file.write(text)
            file.truncate()


def read_heartbeat(home: Path, service: str) -> Heartbeat | None:
    """The last beat of `service`, or None where there is none that can be read."""
    try:
        return Heartbeat(**json.loads(heartbeat_path(home, service).read_text()))
    except (OSError, ValueError, TypeError):
        return None
