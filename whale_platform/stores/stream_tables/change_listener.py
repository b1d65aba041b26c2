"""Hearing of commits as they happen: LISTEN on the sink's one NOTIFY a batch.

A listener holds one connection and sleeps until Postgres speaks. One that falls behind loses nothing but time; one
whose connection dies raises StoreUnavailableError and has to look at the tables again, since what was said meanwhile is
gone.
"""

import selectors

from whale_platform.stores.errors import NotifyUnavailableError
from whale_platform.stores.postgres.connection import connect, translate_errors
from whale_platform.stores.stream_tables.change_notice import CHANNEL

DIRECT_DSN_HINT = "give WHALE_API_POSTGRES_DSN, or WHALE_POSTGRES_DIRECT_DSN where there is none, past the pooler"


class ChangeListener:
    """Payloads as `stores/stream_tables/change_notice.py` writes them, in commit order."""

    def __init__(self, dsn: str, application_name: str) -> None:
        """Raises StoreUnavailableError, InvalidDsnError, NotifyUnavailableError."""
        self._conn = connect(dsn, application_name, statement_timeout_s=0)
        try:
            with translate_errors(), self._conn.cursor() as cursor:
                self._conn.autocommit = True  # its settings stay those of each statement: a pooler may be in between
                cursor.execute("SELECT pg_is_in_recovery(), pg_backend_pid()")
                replica, backend = cursor.fetchone() or (False, 0)
                if replica:
                    raise NotifyUnavailableError("a read replica hears no NOTIFY")
                if backend != self._conn.info.backend_pid:  # a pooler makes up a number of its own
                    raise NotifyUnavailableError(f"no NOTIFY comes through a connection pooler: {DIRECT_DSN_HINT}")
                cursor.execute(f"LISTEN {CHANNEL}")
        except BaseException:
            self._conn.close()
            raise

    def wait_for_notices(self, timeout_s: float) -> list[str]:
        """What has been said, at the latest after `timeout_s`; empty if nothing. Raises StoreUnavailableError."""
        with translate_errors():
            if not self._conn.notifies:
                with selectors.DefaultSelector() as selector:  # select() itself ends at 1,024 open files
                    selector.register(self._conn, selectors.EVENT_READ)
                    selector.select(timeout_s)
                self._conn.poll()
            said = [notice.payload for notice in self._conn.notifies]
            self._conn.notifies.clear()
        return said

    def read_newest_trade_ids(self) -> dict[tuple[str, str], int]:
        """{(exchange, symbol): newest trade id in the last minutes' windows}, as visible now. Raises
        StoreUnavailableError."""
        with translate_errors(), self._conn.cursor() as cursor:
            cursor.execute(
                "SELECT exchange, symbol, max(last_trade_id) FROM trade_windows "
                "WHERE window_start >= now() - interval '3 minutes' GROUP BY exchange, symbol"
            )
            return {(exchange, symbol): newest for exchange, symbol, newest in cursor.fetchall()}

    def close(self) -> None:
        """Close the connection."""
        self._conn.close()
