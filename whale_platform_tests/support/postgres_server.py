"""A real Postgres for tests: the embedded one on a free port, in a temporary folder, ended by its own pid.

`postgres_server` is one server a test session; `database` a fresh migrated database in it; `own_postgres` a server
that a test may kill. Import them into a folder's conftest.
"""

import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from whale_platform.embedded import postgres
from whale_platform.settings import Settings
from whale_platform.stores.migrate import migrate


class PostgresServer:
    """The embedded server in `folder`; `kill` ends it as a power cut would, `start` brings it back on the same data."""

    def __init__(self, folder: Path, options: Sequence[str] = (), **more: object) -> None:
        """options: of the server, such as `ssl=on`; more: settings."""
        self.settings = Settings.model_validate({"home": folder, "postgres_port": _free_port(), **more})
        self._options = [part for option in ("fsync=off", *options) for part in ("-c", option)]
        self._log = folder / "postgres.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._migrated: str | None = None

    def start(self) -> None:
        """Start, and wait until it answers."""
        postgres.prepare_postgres(self.settings)
        with self._log.open("ab") as log:
            command = [
                *postgres.postgres_command(self.settings),
                *self._options,
            ]  # kill -9 loses nothing of the page cache
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg2.connect(self.dsn("postgres")).close()
                return
            except psycopg2.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise RuntimeError(f"Postgres did not start:\n{self._log.read_text()[-2000:]}") from None
            time.sleep(0.05)

    def dsn(self, database: str) -> str:
        """libpq URI."""
        return self.settings.dsn().rpartition("/")[0] + f"/{database}"

    def create_database(self, template: str = "template1") -> str:
        """A fresh database, empty or as `template` is; returns its DSN."""
        name = f"t{secrets.token_hex(6)}"
        conn = psycopg2.connect(self.dsn("postgres"))
        conn.autocommit = True
        with conn.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        conn.close()
        return self.dsn(name)

    def create_migrated_database(self) -> str:
        """A fresh database with the schema, copied from one that is migrated once; returns its DSN."""
        if self._migrated is None:
            dsn = self.create_database()
            migrate(settings_for(dsn, self.settings.home), wait_s=5)
            self._migrated = dsn.rpartition("/")[2]
        return self.create_database(self._migrated)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the postmaster."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """`kill -9`; the backends notice and end too."""
        self.signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait(300)

    def stop(self) -> None:
        """Fast shutdown; fine where it does not run."""
        if self._process is not None and self._process.poll() is None:
            self.signal(postgres.STOP_SIGNAL)
            try:
                self._process.wait(300)
            except subprocess.TimeoutExpired:
                self.kill()


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def settings_for(dsn: str, home: Path) -> Settings:
    """Settings whose database is `dsn`."""
    return Settings.model_validate({"home": home, "postgres_dsn": dsn})


def query(dsn: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Run one statement and return its rows, if it has any."""
    conn = psycopg2.connect(dsn)
    try:
        with conn, conn.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []
    finally:
        conn.close()


def _server(folder: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """One server for all tests that leave it running."""
    yield from _server(tmp_path_factory.mktemp("postgres"))


@pytest.fixture
def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A server of the test's own, to be killed or stopped."""
    yield from _server(tmp_path_factory.mktemp("own-postgres"))


@pytest.fixture
def empty_database(postgres_server: PostgresServer) -> str:
    """The DSN of a database without any table."""
    return postgres_server.create_database()


@pytest.fixture
def database(postgres_server: PostgresServer) -> str:
    """The DSN of a migrated database."""
    return postgres_server.create_migrated_database()
