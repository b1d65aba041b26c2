"""The hours to compare, and which of them have new files in the lake: read from its commits, without a library.

Late trades, repaired gaps and imports all show so, seconds after they came, whatever their reason was.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from whale_platform.lake.delta import commit_log, newest
from whale_platform.settings import Settings
from whale_platform.storage.folders import Folder
from whale_platform.stores.asset_tables.materialisation import HourRange

CLOSED_AFTER = timedelta(minutes=2)  # after its end an hour's last trades have had time to be everywhere
LOOK_BACK_DAYS = 7


def list_closed_hours(settings: Settings, now: datetime) -> HourRange:
    """The hours that are looked at: over, and young enough for their windows to be there."""
    end = (now.astimezone(UTC) - CLOSED_AFTER).replace(minute=0, second=0, microsecond=0)
    days = min(LOOK_BACK_DAYS, settings.retention_days)  # older windows are gone on purpose
    return HourRange(end.replace(hour=0) - timedelta(days=days), end)


class ChangedHours:
    """Follows the log of the table in `root` from where it is at the first look."""

    def __init__(self, root: Folder) -> None:
        self._root = root
        self._version: int | None = None

    def poll(self) -> set[datetime] | None:
        """The hours (aware UTC) that have got files since the last look; None where that is not known: any may have."""
        starts = self.poll_starts()
        return None if starts is None else set(starts)

    def poll_starts(self) -> dict[datetime, datetime] | None:
        """Do as `poll`, and say from which minute on each of these hours has trades in its new files."""
        last = commit_log.find_last_version(self._root)
        if last is None:
            return {}
        first, self._version = self._version, last
        if first is None or last < first:
            return None
        starts: dict[datetime, datetime] = {}
        for version in range(first + 1, last + 1):
            actions = commit_log.read_commit(self._root, version)
            if actions is None:
                return None
            for added in (action["add"] for action in actions if "add" in action):
                hour = datetime.fromtimestamp(newest.parse_hour(added["partitionValues"]), UTC)
                starts[hour] = min(_read_first_minute(added, hour), starts.get(hour, hour + timedelta(hours=1)))
        return starts


def _read_first_minute(added: Mapping[str, Any], hour: datetime) -> datetime:
    """The minute of a file's earliest trade, by its statistics; its hour where they do not say."""
    try:
        earliest = datetime.fromisoformat(json.loads(added["stats"])["minValues"]["event_time"])
        return max(hour, earliest.astimezone(UTC).replace(second=0, microsecond=0))
    except (KeyError, TypeError, ValueError):
        return hour
