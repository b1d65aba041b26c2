"""Other databases beside the platform's own: creates Dagster's storage and reads its daemon's heartbeat from it."""

from psycopg2 import errors, sql
from psycopg2.extensions import parse_dsn

from whale_platform.stores.errors import PostgresError, StoreUnavailableError
from whale_platform.stores.postgres.connection import connect, open_transaction, translate_errors

ANSWER_S = 20
_BEATS = "SELECT max(timestamp) > now() AT TIME ZONE 'utc' - interval '45 seconds' FROM daemon_heartbeats"


def ensure_database(dsn: str, target: str) -> bool:
    """Make the database that `target` names where it is missing, logged in by `dsn`; whether it was made.

    Raises StoreUnavailableError, InvalidDsnError; SchemaMismatchError where it is missing and this user may not make
    it.
    """
    try:
        connect(target, "whale-databases", connect_timeout_s=5).close()
        return False
    except StoreUnavailableError as error:
        if "does not exist" not in str(error):
            raise
    name = parse_dsn(target)["dbname"]
    conn = connect(dsn, "whale-databases", connect_timeout_s=5, own_session=True)
    try:
        with translate_errors(), conn.cursor() as cursor:
            try:
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            except (errors.DuplicateDatabase, errors.UniqueViolation):  # somebody else was quicker, or as quick
                return False
        return True
    finally:
        conn.close()


def is_daemon_alive(dsn: str) -> bool | None:
    """Whether Dagster's daemon has sent a heartbeat within 45 s (one is due every 30); None if Postgres can't be
    read."""
    try:
        with open_transaction(dsn, "whale-ready", ANSWER_S, ANSWER_S) as conn, conn.cursor() as cursor:
            cursor.execute(_BEATS)
            row = cursor.fetchone()
            return bool(row and row[0])
    except PostgresError:
        return None
