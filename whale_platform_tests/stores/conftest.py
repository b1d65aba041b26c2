"""The database fixtures for this folder."""

from whale_platform_tests.support.postgres_server import (
    database,
    empty_database,
    own_postgres,
    postgres_server,
)

__all__ = ["database", "empty_database", "own_postgres", "postgres_server"]
