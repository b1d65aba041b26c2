"""A service's heartbeat: one small JSON file, replaced atomically about once a second.

Whoever watches looks at progress, not at pids, nor at the beats themselves, which a thread of their own writes while
all else hangs: what counts is that every loop of `progress` gets on. A torn or missing file reads as None.
"""

import json
import os
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

State = Literal["starting", "ready", "degraded", "blocked", "stopping"]
INTERVAL_S = 1.0


@dataclass(slots=True)
class Beat:
    """What a service says of itself. `numbers` holds its counters and latencies; `at`, `started`: epoch seconds.

    `progress`: how often each of its loops has come round; `patience`: how many seconds the next round of a loop that
    waits for somebody else may take.
    """

    service: str
    pid: int = field(default_factory=os.getpid)
    state: State = "starting"
    detail: str = ""
    started: float = field(default_factory=time.time)
    at: float = 0.0
    numbers: dict[str, Any] = field(default_factory=dict)
    progress: dict[str, int] = field(default_factory=dict)
    patience: dict[str, float] = field(default_factory=dict)


def beat_path(home: Path, service: str) -> Path:
    """Where `service` beats."""
    return home / "run" / f"{service}.beat.json"


def write_json(path: Path, value: Any) -> None:
    """`write_text` of JSON."""
    write_text(path, json.dumps(value, default=str))


def write_text(path: Path, text: str) -> None:
    """Replace `path` atomically; readers see the old or the new file, never a torn one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.new")
    fresh.write_text(text)
    fresh.replace(path)


def write(home: Path, beat: Beat) -> None:
    """Beat once, now; in place where the disk is full, since no progress seen gets a service killed. Raises OSError."""
    beat.at = time.time()
    path, text = beat_path(home, beat.service), json.dumps(asdict(beat), default=str)
    try:
        write_text(path, text)
    except OSError:
        with path.open("r+") as file:  # a full disk has no room for another file, and this one's block is its own
            file.write(text)
            file.truncate()


def read(home: Path, service: str) -> Beat | None:
    """The last beat of `service`, or None where there is none that can be read."""
    try:
        return Beat(**json.loads(beat_path(home, service).read_text()))
    except (OSError, ValueError, TypeError):
        return None
