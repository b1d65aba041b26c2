"""Replace a file in one step: a reader sees the old or the new content, also where the writer is killed.

Raises OSError where the folder can't be written or the disk is full; the old file is then kept.
"""

import json
import os
import threading
from pathlib import Path
from typing import Any


def write_json(path: Path, value: Any) -> None:
    """Replace `path` atomically by `value` as JSON; what JSON does not know is written as text."""
    write_text(path, json.dumps(value, default=str))


def write_text(path: Path, text: str) -> None:
    """Replace `path` atomically; readers see the old or the new file, never a torn one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.new")
    temporary.write_text(text)
    temporary.replace(path)
