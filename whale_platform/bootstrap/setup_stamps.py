"""Is the set-up current? Asked at every `./whale`, so it imports little and reads six small files."""

import hashlib
import json
from pathlib import Path
from typing import Literal

from whale_platform.bootstrap.paths import CheckoutPaths

SetupKind = Literal["run", "dev"]


def is_environment_current(paths: CheckoutPaths, kind: SetupKind) -> bool:
    """Whether `.venv` is whole, made from today's lock of `kind` (or of dev, which holds run's) and at this place."""
    stamp = read_stamp(paths)
    return (
        stamp.get("kind") in (kind, "dev")
        and stamp.get("root") == str(paths.root)
        and stamp.get("lock") == file_digest(paths.lock_file(stamp["kind"]))
        and paths.python.exists()
    )


def are_tools_current(paths: CheckoutPaths, kind: SetupKind) -> bool:
    """Whether Java and the jars were set up for today's list, and the browser's files of `kind` for today's lock."""
    web = _read_json(paths.web_stamp)
    try:
        jars = paths.jar_stamp.read_text() == file_digest(paths.jar_list)
        return jars and web.get("kind") in (kind, "dev") and web.get("lock") == file_digest(paths.web_lock)
    except OSError:
        return False


def read_stamp(paths: CheckoutPaths) -> dict[str, str]:
    """The environment's stamp; empty where there is none that can be read."""
    return _read_json(paths.stamp)


def _read_json(path: Path) -> dict[str, str]:
    try:
        stamp = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
