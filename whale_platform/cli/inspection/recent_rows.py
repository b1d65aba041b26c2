"""What the live screen shows from Postgres, with the reason where it shows nothing."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whale_platform.settings import Settings
    from whale_platform.stores.queries.recent import Whale, Window


@dataclass(frozen=True, slots=True)
class Feed:
    """The newest rows; `problem` says why there are none."""

    windows: "list[Window]" = field(default_factory=list)
    whales: "list[Whale]" = field(default_factory=list)
    problem: str = ""


def read(settings: "Settings", whales: int = 8) -> Feed:
    """The newest rows now; a database that is away gives an empty feed with the reason."""
    from whale_platform.stores.postgres import connection
    from whale_platform.stores.queries import recent

    try:
        return Feed(*recent.newest(settings.dsn(), whales))
    except (connection.StoreAway, connection.SchemaMismatch, connection.BadDsn, OSError) as error:
        return Feed(problem=str(error))
