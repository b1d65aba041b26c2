"""`python -m whale_platform.stores.migrate`: bring the database to this code's schema; run at every `up`.

Waits up to a minute for the database, then upgrades in one transaction under an advisory lock, seeds the default
threshold where there is none, and makes the coming days' partitions. Running it again changes nothing. Ends with one
line on stderr and an exit code: 0 done, 75 try again (the database is unavailable), 78 a person must act (the schema is
newer than this code, rights are missing, the settings are wrong).
"""

import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from whale_platform.settings import Settings
from whale_platform.stores.asset_tables.thresholds import seed_threshold
from whale_platform.stores.errors import InvalidDsnError, SchemaMismatchError, SchemaNewerError, StoreUnavailableError
from whale_platform.stores.postgres import connection as stores
from whale_platform.stores.postgres import databases, roles
from whale_platform.stores.stream_tables import missing_currencies
from whale_platform.stores.stream_tables.partitions import ensure_days, list_coming_days
from whale_platform.supervision.runtime import exit_codes
from whale_platform.supervision.runtime.settings_reader import read_settings

WAIT_S = 3600.0  # the server may take long to start on a slow machine; whoever keeps it alive judges that
LOG_AFTER_S = 10.0
RETRY_S = 0.25
VERSION_TABLE = "whale_schema_version"  # not Alembic's default, which Dagster's storage uses in a shared database
_LOCK = 0x77686C6D  # "whlm"


def migrate(settings: Settings, wait_s: float = WAIT_S) -> str:
    """Do all of it; returns what was done in one line.

    Raises PostgresUnusableError, SchemaNewerError, OSError (no password file).
    """
    dsn = _wait_for_database(settings, wait_s)
    before, after = upgrade_schema(dsn)
    roles.ensure_roles(settings)
    seeded = seed_threshold(dsn, settings.threshold_usd)
    with stores.open_transaction(dsn, "whale-migrate", statement_timeout_s=60.0) as conn, conn.cursor() as cursor:
        made = ensure_days(cursor, list_coming_days())
    steps = [f"schema {after}" if before == after else f"schema {before or 'none'} -> {after}"]
    steps += [f"{len(made)} partitions made"] if made else []
    steps += ["default whale threshold set"] if seeded else []
    if before is not None and (filled := missing_currencies.fill_currencies(dsn, settings.home)):
        steps += [f"currencies of {filled} symbols filled"]
    if settings.postgres_dsn is None and settings.dagster_dsn is None:  # commands use it where WHALE_DAGSTER=false too
        own = urlsplit(dsn)._replace(path="/dagster").geturl()
        databases.ensure_database(dsn, own)
        moved = roles.transfer_ownership(own, "dagster")
        steps += [f"{moved} tables of Dagster's storage handed over"] if moved else []
    return ", ".join(steps)


def upgrade_schema(dsn: str, revision: str = "head") -> tuple[str | None, str]:
    """Upgrade to the newest schema, or the one `revision`; returns (version before, version after)."""
    engine = create_engine(
        "postgresql+psycopg2://",
        creator=lambda: _connect(dsn),
        poolclass=NullPool,
    )
    try:
        with engine.begin() as conn:
            conn.execute(text("SET LOCAL lock_timeout = '60s'"))
            conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            return _upgrade(conn, revision)
    except DBAPIError as error:
        raise stores.to_store_error(error.orig) if isinstance(error.orig, psycopg2.Error) else error from None


def _connect(dsn: str) -> Any:
    conn = stores.connect(dsn, "whale-migrate", statement_timeout_s=0.0, own_session=True)
    conn.autocommit = False
    return conn


def _upgrade(conn: Connection, revision: str) -> tuple[str | None, str]:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes.update(connection=conn, version_table=VERSION_TABLE)
    scripts = ScriptDirectory.from_config(config)
    head = scripts.get_current_head()
    before = MigrationContext.configure(conn, opts={"version_table": VERSION_TABLE}).get_current_revision()
    if before is not None and before not in {script.revision for script in scripts.walk_revisions()}:
        raise SchemaNewerError(
            f"the database has schema {before}, this program knows up to {head}: "
            "update the program, or use another home or database"
        )
    if before != head:
        command.upgrade(config, revision)
    return before, str(head)


def _wait_for_database(settings: Settings, wait_s: float) -> str:
    """The DSN, once a connection works. The password file may come late: the database is being made."""
    begun, said = time.monotonic(), ""
    while True:
        try:
            dsn = settings.dsn(direct=True)
            stores.connect(dsn, "whale-migrate", connect_timeout_s=5).close()
            return dsn
        except (StoreUnavailableError, OSError) as error:
            waited = time.monotonic() - begun
            if waited > wait_s:
                raise
            if str(error) != said and waited >= LOG_AFTER_S:
                said = str(error)
                print(f"migrate: waiting for the database: {said}", file=sys.stderr, flush=True)
        time.sleep(RETRY_S)


def main(wait_s: float = WAIT_S) -> int:
    """Migrate by the environment's settings; returns the exit code."""
    settings = read_settings("migrate")
    where = settings.public_dsn()
    try:
        print(f"migrate: {migrate(settings, wait_s)} ({where})", file=sys.stderr)
        return exit_codes.CLEAN
    except (StoreUnavailableError, OSError) as error:
        print(f"migrate: the database {where} can't be used: {error}", file=sys.stderr)
        return exit_codes.RETRY
    except (SchemaMismatchError, InvalidDsnError, SchemaNewerError) as error:
        print(f"migrate: {where}: {error}", file=sys.stderr)
        return exit_codes.BLOCKED


if __name__ == "__main__":
    sys.exit(main())
