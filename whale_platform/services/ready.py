"""Whether the embedded servers answer: asked about once a second, so short and without a trace when they don't."""

from whale_platform.broker import topics
from whale_platform.settings import Settings
from whale_platform.stores import connection


def kafka(settings: Settings) -> bool:
    """Whether the broker answers a metadata request."""
    return topics.alive(settings.bootstrap, 1.0)


def postgres(settings: Settings) -> bool:
    """Whether one can log in and ask something."""
    try:
        connection.connect(settings.dsn(), "whale-ready", connect_timeout_s=2, statement_timeout_s=2).close()
    except (connection.StoreAway, connection.SchemaMismatch, connection.BadDsn, OSError):
        return False
    return True
