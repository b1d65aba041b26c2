"""A few connections that many short reads share: for the API, whose answers may not each pay for a login.

Connections are read-only, in autocommit, with a statement timeout, opened when first needed. One that failed is closed,
not kept. Where an idle one had died meanwhile (Postgres was restarted), all idle ones are closed and the read is made
once more on a fresh one. Where all are busy for `wait_s`, StoreUnavailableError says so: nobody queues for ever.
"""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from whale_platform.stores.errors import StoreUnavailableError
from whale_platform.stores.postgres.connection import connect, translate_errors

T = TypeVar("T")


class ConnectionPool:
    """At most `size` connections. `dsn` is asked at each login, since an embedded server's password may come late."""

    def __init__(
        self,
        dsn: Callable[[], str],
        application_name: str,
        size: int = 4,
        statement_timeout_s: float = 2.0,
        wait_s: float = 2.0,
    ) -> None:
        self._dsn, self._name, self._timeout_s, self._wait_s = dsn, application_name, statement_timeout_s, wait_s
        self._free = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._closed = False
        self.size = size

    def read(self, query: Callable[[Cursor], T]) -> T:
        """What `query(cursor)` returns. Raises PostgresError."""
        if not self._free.acquire(timeout=self._wait_s):
            raise StoreUnavailableError(f"all {self.size} connections have been busy for {self._wait_s:g} s")
        try:
            conn = self._take_idle()
            if conn is not None:
                try:
                    return self._run(conn, query)
                except StoreUnavailableError:
                    if not conn.closed:
                        raise  # the statement took too long, the connection is fine
                    self.close_idle()
            return self._run(self._open(), query)
        finally:
            self._free.release()

    def fetch_rows(self, statement: Any, values: tuple[object, ...] | dict[str, object] = ()) -> list[tuple[Any, ...]]:
        """All rows of one statement; text, or composed by psycopg2.sql. Raises as `read`."""

        def ask(cursor: Cursor) -> list[tuple[Any, ...]]:
            cursor.execute(statement, values)
            return cursor.fetchall()

        return self.read(ask)

    def close_idle(self) -> None:
        """Close what is idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for conn in idle:
            conn.close()

    def close(self) -> None:
        """Close what is idle, and each busy one when it comes back."""
        self._closed = True
        self.close_idle()

    def _take_idle(self) -> Connection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _open(self) -> Connection:
        try:
            conn = connect(self._dsn(), self._name, 2, self._timeout_s, {"transaction_read_only": "on"})
        except OSError as error:
            raise StoreUnavailableError(error.strerror or str(error)) from None
        with translate_errors():
            conn.autocommit = True  # a statement and its settings go in one message, which is one transaction
        return conn

    def _run(self, conn: Connection, query: Callable[[Cursor], T]) -> T:
        try:
            with translate_errors(), conn.cursor() as cursor:
                return query(cursor)
        finally:
            self._release(conn)

    def _release(self, conn: Connection) -> None:
        if conn.closed:
            return
        with self._lock:
            keep = not self._closed
            if keep:
                self._idle.append(conn)
        if not keep:
            conn.close()
