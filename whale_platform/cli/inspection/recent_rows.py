"""The rows of Postgres on the live screen, with the reason where there are none."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from whale_platform.stores.errors import PostgresUnusableError

if TYPE_CHECKING:
    from whale_platform.settings import Settings
    from whale_platform.stores.queries.recent import RecentWhale, RecentWindow


@dataclass(frozen=True, slots=True)
class RecentRows:
    """The newest rows; `problem` says why there are none."""

    windows: "list[RecentWindow]" = field(default_factory=list)
    whales: "list[RecentWhale]" = field(default_factory=list)
    problem: str = ""


def load_recent_rows(settings: "Settings", whales: int = 8) -> RecentRows:
    """The newest rows now; a database that is unavailable gives an empty feed with the reason."""
    from whale_platform.stores.queries import recent

    try:
        return RecentRows(*recent.read_recent_rows(settings.dsn(), whales))
    except (PostgresUnusableError, OSError) as error:
        return RecentRows(problem=str(error))
