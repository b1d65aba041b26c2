"""Commands of other programs on this home's servers: their arguments are passed on as they are.

Each replaces this process, so that exit codes, signals and the terminal are the other program's.
"""

import os
import socket
import sys
from pathlib import Path
from typing import NoReturn

from whale_platform.cli.common.context import load_home_settings, require_home
from whale_platform.cli.common.errors import UserError


def become_psql(home: Path | None, args: list[str]) -> NoReturn:
    """Become psql. Raises UserError where the embedded Postgres does not run, EmbeddedServerError where it is
    missing."""
    from whale_platform.embedded import postgres

    settings = load_home_settings(require_home(home))
    if settings.postgres_dsn is None and not _listens(settings.postgres_port):
        raise UserError(f"Postgres is not running in {settings.home}: start it with `whale up`, see `whale status`")
    argv, env = postgres.psql_command(settings, args)
    os.execvpe(argv[0], argv, env)


def become_dagster(home: Path | None, args: list[str]) -> NoReturn:
    """Become Dagster's command line. Raises UserError where its storage does not answer."""
    from whale_platform.embedded import dagster as embedded
    from whale_platform.stores.errors import PostgresUnusableError

    settings = load_home_settings(require_home(home))
    if args[:1] == ["dev"]:
        raise UserError(
            "`dagster dev` on this home would open it to every web page and run a second daemon: its own UI is at "
            f"{settings.dagster_url}"
        )
    try:
        embedded.prepare_dagster(settings)
    except (PostgresUnusableError, OSError) as error:
        raise UserError(f"Dagster's storage can't be used: {error}; is the platform up? See `whale status`") from None
    embedded.become_program(settings, [sys.executable, "-W", "ignore", "-m", "dagster", *args])


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5.0).close()
    except OSError:
        return False
    return True
