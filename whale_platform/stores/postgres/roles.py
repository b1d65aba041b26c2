"""Who may do what in Postgres: the sink writes its tables, the API reads, the stream reads thresholds, Dagster keeps.

The API sets thresholds as `editor`, which has that one table, so that no connection by which it reads can write.
None of them owns a table, so none can drop or alter one; days of `trade_windows` are made and dropped by two functions
of the owner. In the embedded server the roles are made at every `migrate`, with generated passwords, so that a home
from before them gets them; in somebody else's server rights are granted to those roles that stand there. Everything
may be run again.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor
from psycopg2.extensions import encrypt_password, parse_dsn

from whale_platform.postgres_login import ROLES, Role, role_name
from whale_platform.settings import Settings
from whale_platform.stores.postgres.connection import connect, translate_errors

READ, WRITE, KEEP = "SELECT", "SELECT, INSERT, UPDATE", "SELECT, INSERT, UPDATE, DELETE"
_EMITTED = ("trade_windows", "whale_alerts", "ingest_gaps", "dead_letter_counts", "sink_rejects", "stream_losses")
_MADE = (
    *("hourly_rollups", "whale_reports", "audited_hours", "imported_days", "whale_prices"),
    *("threshold_suggestions", "impact_fits", "size_bands", "size_band_minutes", "whale_clusters"),
)
_OTHERS = (
    *("sink_offsets", "whale_thresholds", "whale_threshold_history", "whales_taken_back"),
    "whale_schema_version",
)
TABLES = (*_EMITTED, *_MADE, *_OTHERS)
VIEWS = ("whale_orders", "whale_context")
RIGHTS: dict[Role, dict[str, str]] = {
    "sink": {**dict.fromkeys((*_EMITTED, "sink_offsets"), WRITE), "whales_taken_back": READ},
    "stream": dict.fromkeys(("whale_thresholds", "whale_threshold_history"), READ),
    "api": dict.fromkeys((*TABLES, *VIEWS), READ),
    "editor": {"whale_thresholds": KEEP},
    "dagster": {
        **dict.fromkeys((*_EMITTED, *_MADE, "whale_thresholds", "whales_taken_back"), KEEP),
        **dict.fromkeys(("sink_offsets", "whale_schema_version", "whale_threshold_history", *VIEWS), READ),
    },
}
FUNCTIONS: dict[Role, tuple[str, ...]] = {
    "sink": ("make_trade_windows_day(date)",),
    "dagster": ("make_trade_windows_day(date)", "drop_trade_windows_day(date)"),
}
_LOCK = 0x77686C72  # "whlr": migrations of one database take turns; another database has advisory locks of its own


def ensure_roles(settings: Settings) -> list[Role]:
    """Make the embedded server's roles, and grant all that stand there what they need; returns those granted.

    Raises PostgresUnusableError; OSError where a password can't be written down.
    """
    passwords = {} if settings.postgres_dsn is not None else {role: _ensure_password(settings, role) for role in ROLES}
    conn = connect(settings.dsn(direct=True), "whale-migrate", statement_timeout_s=60.0)
    try:
        with translate_errors(), conn, conn.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            _create_roles(cursor, passwords)
            granted = [role for role in ROLES if _role_exists(cursor, role)]
            for role in granted:
                _grant(cursor, role)
        return granted
    finally:
        conn.close()


def transfer_ownership(dsn: str, role: Role) -> int:
    """Give the database of `dsn`, logged in by its owner, and all of its tables to `role`; returns how many moved.

    For Dagster's storage, whose tables were the owner's before there were roles. Raises as `ensure_roles`.
    """
    name, database = sql.Identifier(role_name(role)), sql.Identifier(parse_dsn(dsn)["dbname"])
    conn = connect(dsn, "whale-migrate", statement_timeout_s=60.0)
    try:
        with translate_errors(), conn, conn.cursor() as cursor:
            cursor.execute(
                """
                SELECT relkind, relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
                AND relkind IN ('r', 'p', 'v', 'm', 'S') AND pg_get_userbyid(relowner) <> %s
                AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype IN ('a', 'i'))
                """,
                (role_name(role),),
            )
            found = cursor.fetchall()
            for kind, table in found:
                what = sql.SQL("SEQUENCE" if kind == "S" else "TABLE")
                cursor.execute(sql.SQL("ALTER {} {} OWNER TO {}").format(what, sql.Identifier("public", table), name))
            cursor.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, name))
            cursor.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(database))
        return len(found)
    finally:
        conn.close()


def _ensure_password(settings: Settings, role: Role) -> str:
    path: Path = settings.role_password_file(role)
    if not path.exists():
        fresh = path.with_name(f"{path.name}.new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{secrets.token_urlsafe(24)}\n")
        fresh.replace(path)
    return path.read_text().strip()


def _create_roles(cursor: Cursor, passwords: Mapping[Role, str]) -> None:
    """The hash alone is sent, so that no log of statements can hold a password."""
    for role, password in passwords.items():
        name = sql.Identifier(role_name(role))
        if not _role_exists(cursor, role):
            cursor.execute(sql.SQL("CREATE ROLE {}").format(name))
        hashed = encrypt_password(password, role_name(role), cursor.connection, "scram-sha-256")
        cursor.execute(sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(name, sql.Literal(hashed)))


def _role_exists(cursor: Cursor, role: Role) -> bool:
    cursor.execute("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", (role_name(role),))
    return bool((cursor.fetchone() or (False,))[0])


def _grant(cursor: Cursor, role: Role) -> None:
    name = sql.Identifier(role_name(role))
    cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(name))
    for table, rights in RIGHTS[role].items():
        cursor.execute(sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(rights), sql.Identifier("public", table), name))
    for function in FUNCTIONS.get(role, ()):
        cursor.execute(sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(sql.SQL(function), name))
