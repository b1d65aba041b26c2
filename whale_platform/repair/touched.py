"""Which hours of the lake have got new files, from the commits themselves: a few small files, and no library.

Late trades, repaired holes and imports all show so, seconds after they came, whatever their reason was.
"""

from datetime import UTC, datetime
from pathlib import Path

from whale_platform.lake import newest


class Touched:
    """Follows the log of the table in `root` from where it is at the first look."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._version: int | None = None

    def look(self) -> set[datetime] | None:
        """The hours (aware UTC) that have got files since the last look; None where that is not known: any may have."""
        last = newest.last_version(self._root)
        if last is None:
            return set()
        first, self._version = self._version, last
        if first is None or last < first:
            return None
        hours: set[datetime] = set()
        for version in range(first + 1, last + 1):
            actions = newest.commit(self._root, version)
            if actions is None:
                return None
            hours |= {
                datetime.fromtimestamp(newest.hour_of(action["add"]["partitionValues"]), UTC)
                for action in actions
                if "add" in action
            }
        return hours
