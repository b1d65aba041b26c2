"""After another process has claimed this one's share: wait until that one is silent before claiming it back.

Two homes of one share, started by mistake or one to replace the other, would else fence each other in turn for ever.
A process that was never fenced claims at once: the newest start wins. One that was waits until none of the share's
trades has come for `wait_s`, twice as long each time it is fenced within a day, as a quiet market's silence may be no
silence. The home's file says so; without it the process claims at once.
"""

import json
import time
from pathlib import Path

from whale_platform.files.atomic_files import write_json

FIRST_S, CAP_S = 5.0, 3600.0
DAY_S = 86_400.0


class Standby:
    """`wait_s`: seconds of silence that are to be waited for; 0 where nobody has claimed the share back."""

    def __init__(self, home: Path) -> None:
        self._path = home / "ingest" / "fenced.json"
        self._at, waits = _read_fences(self._path)
        self.wait_s = min(CAP_S, FIRST_S * 2.0 ** (len(self._at) - 1)) if waits else 0.0

    def record_fence(self) -> None:
        """Note that the broker refuses this process. Raises OSError."""
        now = time.time()
        self._at = [at for at in self._at if now - DAY_S < at <= now] + [now]
        write_json(self._path, {"at": self._at, "waits": True})

    def record_claim(self) -> None:
        """Note that the share is this process's again. Raises OSError."""
        if self.wait_s:
            self.wait_s = 0.0
            write_json(self._path, {"at": self._at, "waits": False})


def _read_fences(path: Path) -> tuple[list[float], bool]:
    try:
        row = json.loads(path.read_text())
        at = [float(moment) for moment in row["at"]]
        return at[-40:], bool(at and row["waits"])
    except (OSError, ValueError, KeyError, TypeError):
        return [], False
