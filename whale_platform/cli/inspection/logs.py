"""`whale logs`: the end of a service's log, across the files it was turned over into, and what comes after."""

import os
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from whale_platform.cli.common.errors import UserError

POLL_S = 0.2


def find_log(home: Path, service: str) -> Path:
    """The log of `service`. Raises UserError naming the logs there are."""
    folder = home / "logs"
    there = sorted(path.stem for path in folder.glob("*.log"))
    if service not in there:
        raise UserError(f"no log of {service!a}: there are {', '.join(there) or 'none yet'}")
    return folder / f"{service}.log"


def read_last_lines(path: Path, lines: int) -> list[str]:
    """The last `lines` lines, older files included where the newest has too few."""
    kept: deque[str] = deque(maxlen=lines)
    for file in (path.with_name(f"{path.name}.2"), path.with_name(f"{path.name}.1"), path):
        if file.is_file():
            with file.open(errors="replace") as text:
                kept.extend(line.rstrip("\n") for line in text)
    return list(kept)


def follow_log(path: Path) -> Iterator[str]:
    """Lines as they come, for ever; goes on in the new file when the log is turned over."""
    file = path.open(errors="replace")
    file.seek(0, 2)
    rest = ""
    while True:
        text = file.read()
        if text:
            *lines, rest = (rest + text).split("\n")
            yield from lines
            continue
        if path.exists() and path.stat().st_ino != _inode(file.fileno()):
            file.close()
            file = path.open(errors="replace")
            continue
        time.sleep(POLL_S)


def _inode(descriptor: int) -> int:
    return os.fstat(descriptor).st_ino
