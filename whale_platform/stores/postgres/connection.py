"""Connections to Postgres, and the translation of psycopg2's exceptions.

Other rooms never see psycopg2's exceptions: `StoreUnavailableError` (wait and try again), `RowRejectedError` (this row
can't be stored, the next can), `SchemaMismatchError` (migrate first), `InvalidDsnError` (a person must correct the
setting). A connection that dies half-way is noticed within about 10 s by keepalives and `tcp_user_timeout`.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import psycopg2
import psycopg2.errors
from psycopg2.extensions import STATUS_READY
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.sql import Composable

from whale_platform.stores.errors import (
    InvalidDsnError,
    ReadOnlyServerError,
    RowRejectedError,
    SchemaMismatchError,
    StoreUnavailableError,
)


class _Connection(Connection):
    """`settings`: statements that go before the first one of each transaction, in the same message."""

    settings = ""


class _Cursor(Cursor):
    def execute(self, query: Any, vars: Any = None) -> None:
        if isinstance(self.connection, _Connection) and self.connection.status == STATUS_READY:
            text = query.as_string(self) if isinstance(query, Composable) else query
            before = self.connection.settings
            query = before.encode() + text if isinstance(text, bytes) else before + text
        super().execute(query, vars)


def connect(
    dsn: str,
    application_name: str,
    connect_timeout_s: int = 5,
    statement_timeout_s: float = 30.0,
    more: Mapping[str, str] = MappingProxyType({}),
    own_session: bool = False,
) -> Connection:
    """Open a connection in UTC with keepalives, a statement timeout (0 = none) and the settings `more`.

    They hold for a transaction each, so that a pooler (PgBouncer) may give the session to others between two. With
    `own_session` they hold for the session, which is in autocommit: for what no transaction may hold;
    such a connection must not go through a pooler. Raises StoreUnavailableError, InvalidDsnError, SchemaMismatchError.
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
            connection_factory=_Connection,
            cursor_factory=_Cursor,
        )
    except psycopg2.ProgrammingError:
        raise InvalidDsnError(
            "WHALE_POSTGRES_DSN is not a connection string that Postgres's client library understands"
        ) from None
    except psycopg2.OperationalError as error:
        raise StoreUnavailableError(_explain_tls_refusal(_mask_secrets(_shorten_error(error), dsn))) from None
    values = {"statement_timeout": str(int(statement_timeout_s * 1000)), "timezone": "UTC", **more}
    settings = "".join(f"SET {'' if own_session else 'LOCAL '}{name} = '{value}';" for name, value in values.items())
    try:
        with translate_errors():
            conn.autocommit = own_session
            if own_session:
                with conn.cursor() as cursor:
                    cursor.execute(settings)
            else:
                conn.settings = settings
    except BaseException:
        conn.close()
        raise
    return conn


@contextmanager
def open_transaction(
    dsn: str, application_name: str, connect_timeout_s: int = 15, statement_timeout_s: float = 15.0
) -> Iterator[Connection]:
    """A short connection for one transaction: committed at the end, rolled back by an error, closed either way."""
    conn = connect(dsn, application_name, connect_timeout_s, statement_timeout_s)
    try:
        with translate_errors(), conn:
            yield conn
    finally:
        conn.close()


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn psycopg2's exceptions into PostgresErrors (`stores/errors.py`)."""
    try:
        yield
    except psycopg2.Error as error:
        raise to_store_error(error) from error


def to_store_error(error: psycopg2.Error) -> Exception:
    """Return the PostgresError that says what `error` says, or `error` itself where none does."""
    if isinstance(error, psycopg2.errors.ReadOnlySqlTransaction):
        return ReadOnlyServerError(_shorten_error(error))
    if isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError | psycopg2.InternalError):
        return StoreUnavailableError(_shorten_error(error))
    if isinstance(error, psycopg2.DataError | psycopg2.IntegrityError):
        return RowRejectedError(error.diag.constraint_name or type(error).__name__)
    if isinstance(error, psycopg2.ProgrammingError | psycopg2.NotSupportedError):
        return SchemaMismatchError(_shorten_error(error))
    return error


def _shorten_error(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _explain_tls_refusal(message: str) -> str:
    """A refusal of TLS, with what to set."""
    if re.search("certificate verify failed|signature failure|does not match host name", message):
        return f"{message}: give the DSN sslrootcert=FILE with the authority that signed for that host name"
    if "root certificate file" in message and "does not exist" in message:
        return f"{message}: add sslrootcert=FILE to the DSN, or sslrootcert=system for the system's authorities"
    if "no encryption" in message or "requires SSL" in message or "SSL required" in message:
        return f"{message}: the server wants TLS, add sslmode=verify-full to the DSN"
    if "does not support SSL" in message:
        return f"{message}: enable it there, or set sslmode=disable in the DSN where the network is your own"
    return message


def _mask_secrets(message: str, dsn: str) -> str:
    """libpq quotes the part of a string that it could not resolve, which may be a piece of an unescaped password."""
    userinfo, at, _ = dsn.rpartition("@")
    for part in re.split(r"[:/@]", userinfo.partition("://")[2].partition(":")[2]) if at else ():
        if part:
            message = message.replace(f"{part}@", "***@").replace(f'"{part}"', '"***"')
    return message
