"""One way to connect, and the four ways a database says no, in this platform's own words.

Other rooms never see psycopg2's exceptions: `StoreAway` (wait and try again), `RowRefused` (this row can't be stored,
the next can), `SchemaMismatch` (migrate first), `BadDsn` (a person must correct the setting). A connection that dies
half-way is noticed within about 10 s by keepalives and `tcp_user_timeout`.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2.extensions import connection as Connection


class StoreAway(Exception):
    """Postgres can't be reached, is shutting down, is out of something, or took too long. Trying again may help."""


class RowRefused(Exception):
    """A value broke a constraint or doesn't fit its column; the text names the constraint or kind, never the value."""


class SchemaMismatch(Exception):
    """A table, column or right is missing: the migrations have not run, or ran for another version."""


class BadDsn(Exception):
    """The connection string can't be read."""


def connect(
    dsn: str, application_name: str, connect_timeout_s: int = 5, statement_timeout_s: float = 30.0
) -> Connection:
    """Open a connection in UTC with keepalives and a statement timeout (0 = none). Raises StoreAway, BadDsn.

    The settings are made by SET, not by startup options, which connection poolers refuse.
    """
    try:
        conn = psycopg2.connect(
            dsn,
            application_name=application_name,
            connect_timeout=connect_timeout_s,
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=3,
            tcp_user_timeout=10_000,
        )
    except psycopg2.ProgrammingError:
        raise BadDsn(
            "WHALE_POSTGRES_DSN is not a connection string that Postgres's client library understands"
        ) from None
    except psycopg2.OperationalError as error:
        raise StoreAway(_without_secrets(_one_line(error), dsn)) from None
    try:
        with translated():
            conn.autocommit = True
            with conn.cursor() as cursor:
                cursor.execute(
                    "SELECT set_config('statement_timeout', %s, false), set_config('timezone', 'UTC', false)",
                    (str(int(statement_timeout_s * 1000)),),
                )
            conn.autocommit = False
    except BaseException:
        conn.close()
        raise
    return conn


@contextmanager
def session(
    dsn: str, application_name: str, connect_timeout_s: int = 15, statement_timeout_s: float = 15.0
) -> Iterator[Connection]:
    """A short connection for one transaction: committed at the end, rolled back by an error, closed either way."""
    conn = connect(dsn, application_name, connect_timeout_s, statement_timeout_s)
    try:
        with translated(), conn:
            yield conn
    finally:
        conn.close()


@contextmanager
def translated() -> Iterator[None]:
    """Turn psycopg2's exceptions into this module's."""
    try:
        yield
    except psycopg2.Error as error:
        raise translate(error) from error


def translate(error: psycopg2.Error) -> Exception:
    """The exception of this module that says what `error` says; `error` itself where none does."""
    if isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError | psycopg2.InternalError):
        return StoreAway(_one_line(error))
    if isinstance(error, psycopg2.DataError | psycopg2.IntegrityError):
        return RowRefused(error.diag.constraint_name or type(error).__name__)
    if isinstance(error, psycopg2.ProgrammingError | psycopg2.NotSupportedError):
        return SchemaMismatch(_one_line(error))
    return error


def _one_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _without_secrets(message: str, dsn: str) -> str:
    """libpq quotes the part of a string that it could not resolve, which may be a piece of an unescaped password."""
    userinfo, at, _ = dsn.rpartition("@")
    for part in re.split(r"[:/@]", userinfo.partition("://")[2].partition(":")[2]) if at else ():
        if part:
            message = message.replace(f"{part}@", "***@").replace(f'"{part}"', '"***"')
    return message
