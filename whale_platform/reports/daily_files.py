"""Where the daily pages of a home are: `HOME/reports/market-2026-11-21.html`, and the same as Markdown beside it.

A page's modification time is when the newest row that it was made from was written. Standard library only, since the
API reads pages too.
"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_PREFIX = "market-"


class DailyPage(NamedTuple):
    """The page of one day (UTC). `updated`: aware; `size`: bytes."""

    day: date
    updated: datetime
    size: int


def page_path(home: Path, day: date) -> Path:
    """Return the path of a day's HTML page, whether it is there or not."""
    return home / "reports" / f"{_PREFIX}{day.isoformat()}.html"


def read_page_time(home: Path, day: date) -> datetime | None:
    """When the newest row was written that the page of a day has; None where there is no page."""
    try:
        return _to_time(page_path(home, day).stat().st_mtime_ns)
    except OSError:
        return None


def list_pages(home: Path) -> list[DailyPage]:
    """Return the pages of a home, the newest day first; none where the folder is missing. Other files are left out."""
    pages = []
    for path in (home / "reports").glob(f"{_PREFIX}*.html"):
        try:
            day, found = date.fromisoformat(path.stem.removeprefix(_PREFIX)), path.stat()
        except (ValueError, OSError):  # it is no page of a day, or was deleted since
            continue
        pages.append(DailyPage(day, _to_time(found.st_mtime_ns), found.st_size))
    return sorted(pages, reverse=True)


def _to_time(nanoseconds: int) -> datetime:
    return EPOCH + nanoseconds // 1000 * MICROSECOND
