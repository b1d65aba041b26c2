"""Which files hold the newest hours, in the same few milliseconds however large the lake is.

Opening a Delta table reads its checkpoint, which grows with the lake: 3 ms at a day, 30 ms at a year. So every commit
leaves a small file beside the log: the newest hours' files at some version. A reader takes it and follows the log's
own commits from there, so it is as exact as the table, also where a committer died before it wrote the file. Where
the file is missing or the log does not reach back to it, the table is opened after all.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from whale_platform.lake.delta import commit_log
from whale_platform.storage import folders
from whale_platform.storage.folders import Folder

KEPT_HOURS = 3  # hours
HourFiles = dict[str, int]  # {path relative to the table: rows}


@dataclass(slots=True)
class NewestHours:
    """At `version` of the table: every file of the hours from `since` on, {hour in epoch seconds: {path: rows}}."""

    version: int
    since: int = 0
    hours: dict[int, HourFiles] = field(default_factory=dict)

    def apply_commit(self, actions: Iterator[dict[str, Any]]) -> None:
        """Apply the actions of the next version's commit."""
        self.version += 1
        for action in actions:
            if (add := action.get("add")) is not None:
                rows = json.loads(add["stats"])["numRecords"]
                self.add_file(parse_hour(add["partitionValues"]), add["path"], rows)
            elif (remove := action.get("remove")) is not None:
                for files in self.hours.values():
                    files.pop(remove["path"], None)
        self.drop_old_hours()

    def add_file(self, hour: int, path: str, rows: int) -> None:
        """A file of `hour`; older ones are not kept."""
        if hour >= self.since:
            self.hours.setdefault(hour, {})[path] = rows

    def drop_old_hours(self) -> None:
        """Keep the newest hours only."""
        for hour in sorted(self.hours)[:-KEPT_HOURS]:
            del self.hours[hour]
            self.since = hour + 3600

    def list_hours_with_files(self) -> list[HourFiles]:
        """Of the hours that have any trades, the oldest first."""
        return [files for _, files in sorted(self.hours.items()) if files]

    def has_enough_hours(self) -> bool:
        """Whether it has all but one of the hours it keeps, or all there are: files of the others may have gone."""
        return not self.since or len(self.list_hours_with_files()) >= KEPT_HOURS - 1

    def list_files(self, hours: int = 1) -> list[str]:
        """Paths of the newest hours that have any trades; `hours` less than `KEPT_HOURS`."""
        return [path for files in self.list_hours_with_files()[-hours:] for path in files]


def read_index(root: Folder) -> NewestHours:
    """As of the newest commit. Raises LakeError as `table.open_table` does."""
    newest = _read_written_index(root)
    if (
        newest is None or commit_log.read_commit(root, newest.version) is None
    ):  # torn, or never written: the table has not what it had
        newest = _build_from_table(root)
    while (actions := commit_log.read_commit(root, newest.version + 1)) is not None:
        newest.apply_commit(iter(actions))
    return newest if newest.has_enough_hours() and newest.list_hours_with_files() else _build_from_table(root)


def advance_index(root: Folder) -> int:
    """Write the file again, as of the newest commit; returns that version."""
    newest = read_index(root)
    folders.write_json(commit_log.index_path(root), asdict(newest))
    return newest.version


def _read_written_index(root: Folder) -> NewestHours | None:
    try:
        value = json.loads(commit_log.index_path(root).read_text())
        hours = {int(hour): dict(files) for hour, files in value["hours"].items()}
        return NewestHours(int(value["version"]), int(value["since"]), hours)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _build_from_table(root: Folder) -> NewestHours:
    from whale_platform.lake.delta import table  # the library takes longer to load than the newest hour to read

    opened = table.open_table(root)
    newest = NewestHours(opened.version())
    for file in table.list_files(opened):
        newest.add_file(int(file.start.timestamp()), file.path, file.rows)
    newest.drop_old_hours()
    return newest


def parse_hour(values: dict[str, str]) -> int:
    """The hour of a file's partition values, in epoch seconds."""
    day = datetime.strptime(values["date"], "%Y-%m-%d").replace(tzinfo=UTC)
    return int(day.timestamp()) + 3600 * int(values["hour"])
