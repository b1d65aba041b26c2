"""One at a time at something long, on whichever hosts: a lock in the database that the work is about.

It is held by a transaction of its own, so that a pooler leaves it its session, and ends with its holder, however that
dies; it has no snapshot and keeps no vacuum from its work. Where the server ends meanwhile the lock is lost: what it
keeps apart must do no harm when done twice, only cost. Raises PostgresUnusableError.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from psycopg2.extensions import cursor as Cursor

from whale_platform.stores.errors import AdvisoryLockHeldError
from whale_platform.stores.postgres.connection import connect, translate_errors

RETRY_S = 1.0
NO_IDLE_TIMEOUT = {"idle_in_transaction_session_timeout": "0"}  # a server may end such a transaction after a while
_TAKE = "SELECT pg_try_advisory_xact_lock(hashtext(%s))"
_WHO = """
SELECT coalesce(max(application_name), 'one that has just ended') FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND objid::bigint = hashtext(%s)::bigint & 4294967295
"""


@contextmanager
def hold_advisory_lock(
    dsn: str, subject: str, holder: str, on_wait: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Do `subject` while nobody else does, as `holder` (60 letters).

    Where somebody else does, raises AdvisoryLockHeldError at once; or waits for its end, and calls `on_wait` with the
    reason meanwhile.
    """
    conn = connect(dsn, holder, more=NO_IDLE_TIMEOUT)
    try:
        while True:
            with translate_errors(), conn.cursor() as cursor:
                if (why := _try_lock(cursor, subject)) is None:
                    break
                conn.rollback()
            if on_wait is None:
                raise AdvisoryLockHeldError(why)
            on_wait(why)
            time.sleep(RETRY_S)
        yield
    finally:
        conn.close()


def _try_lock(cursor: Cursor, subject: str) -> str | None:
    """None where the lock is ours now, else who has it."""
    cursor.execute(_TAKE, (subject,))
    if (cursor.fetchone() or (False,))[0]:
        return None
    cursor.execute(_WHO, (subject,))
    return f"{subject} is under way: {(cursor.fetchone() or ('',))[0]}"
