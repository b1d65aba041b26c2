"""Whether the stream has fallen behind, by its own heartbeat: upkeep waits then, so that trades need not.

It waits for hours at most: a machine that is always too small still has its lake compacted and its late trades counted.
"""

import time
from pathlib import Path

from whale_platform.supervision import beat

FRESH_S = 30.0
MOST_S = 2 * 3600.0


def reason(home: Path) -> str | None:
    """Why upkeep should wait now, in one sentence; None where it need not."""
    found, now = beat.read(home, "stream"), time.time()
    since = found.numbers.get("behind_since") if found is not None else None
    if found is None or since is None or now - found.at > FRESH_S or now - since > MOST_S:
        return None
    return f"the stream has been behind for {now - since:.0f} s, so upkeep waits: {found.detail}"
