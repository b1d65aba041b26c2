"""Somebody else's Postgres: with TLS, behind PgBouncer in transaction mode, and with a read replica. Real servers.

TLS needs a Postgres that was built with it (the wheel's is not): Debian's, or the one that WHALE_PG_BIN names.
"""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import create_engine, text

from whale_platform.api.latest_cache.cache import LatestCache
from whale_platform.api.latest_cache.updater import CacheUpdater
from whale_platform.domain.names import TRADE_WINDOWS
from whale_platform.embedded import postgres, postgres_binaries
from whale_platform.settings import Settings
from whale_platform.stores.errors import NotifyUnavailableError, StoreUnavailableError
from whale_platform.stores.migrate import migrate
from whale_platform.stores.postgres import replica_lag
from whale_platform.stores.postgres.connection import connect
from whale_platform.stores.postgres.pool import ConnectionPool
from whale_platform.stores.stream_tables.change_listener import ChangeListener
from whale_platform.stores.stream_tables.sink_store import SinkStore, StoredOffset
from whale_platform_tests.stores.builders import WINDOW, batch_of
from whale_platform_tests.support.certificates import Authority
from whale_platform_tests.support.fake_services import wait_for_result
from whale_platform_tests.support.kafka_server import free_port
from whale_platform_tests.support.postgres_server import PostgresServer, query

ASKED = (
    "SELECT current_setting('statement_timeout'), current_setting('transaction_read_only'), now()::text LIKE '%%+00'"
)


def with_tls() -> Path | None:
    chosen = Settings().pg_bin
    for folder in [chosen] if chosen else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        said = subprocess.run([folder / "pg_config", "--configure"], capture_output=True, text=True, check=False).stdout
        if "--with-openssl" in said or "--with-ssl=openssl" in said:
            return folder
    return None


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def server(tmp_path: Path, authority: Authority) -> Iterator[PostgresServer]:
    """With TLS where it can be had, and ready for a replica."""
    options, more = ["wal_level=replica", "max_wal_senders=4"], {}
    if (folder := with_tls()) is not None:
        pair = authority.pair("postgres")
        options += ["ssl=on", f"ssl_cert_file={pair.certificate}", f"ssl_key_file={pair.key}"]
        more = {"pg_bin": folder}
    made = PostgresServer(tmp_path / "primary", options, **more)
    made.settings.home.mkdir()
    try:
        made.start()
        yield made
    finally:
        made.stop()


@contextmanager
def running(argv: list[str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("ab") as out, subprocess.Popen(argv, stdout=out, stderr=out) as process:
        try:
            yield process
        finally:
            process.send_signal(postgres.STOP_SIGNAL)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def answers(dsn: str) -> bool:
    try:
        return query(dsn, "SELECT 1") == [(1,)]
    except psycopg2.OperationalError:
        return False


@pytest.mark.server
def test_tls_is_asked_for_in_the_dsn_and_a_refusal_says_what_to_set(
    server: PostgresServer, authority: Authority, tmp_path: Path
) -> None:
    if with_tls() is None:
        pytest.skip("no Postgres with TLS here: install Debian's, or set WHALE_PG_BIN")
    hba = server.settings.home / "postgres" / "pg_hba.conf"
    hba.write_text(f"hostnossl all all all reject\n{hba.read_text()}")
    plain = server.dsn("whale")
    query(f"{plain}?sslmode=require", "SELECT pg_reload_conf()")
    dsn = f"{plain}?sslmode=verify-full&sslrootcert={authority.ca}"
    settings = Settings.model_validate({"home": tmp_path, "postgres_dsn": dsn, "pg_bin": with_tls()})
    assert migrate(settings, 60).startswith("schema none -> ")
    encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    with closing(ConnectionPool(lambda: settings.dsn("api"), "test")) as pool:
        assert pool.fetch_rows(encrypted) == [(True,)]
    ChangeListener(settings.dsn("api", direct=True), "test").close()
    assert settings.dagster_dsn_text().endswith(f"/dagster?sslmode=verify-full&sslrootcert={authority.ca}")
    engine = create_engine(dsn)  # as Dagster's storage does
    with engine.connect() as conn:
        assert conn.execute(text(encrypted)).scalar() is True
    engine.dispose()
    argv, env = postgres.psql_command(settings, ["-Atc", encrypted])
    assert subprocess.run(argv, env=env, capture_output=True, text=True, check=True).stdout == "t\n"
    assert settings.public_dsn() == f"postgresql://whale@127.0.0.1:{server.settings.postgres_port}/whale"
    stranger = Authority(tmp_path / "stranger", "a stranger")
    cases = {
        "sslmode=disable": "the server wants TLS, add sslmode=verify-full to the DSN",
        f"sslmode=verify-full&sslrootcert={stranger.ca}": "give the DSN sslrootcert=FILE with the authority",
        "sslmode=verify-full&sslrootcert=/none.pem": "add sslrootcert=FILE to the DSN, or sslrootcert=system",
    }
    for options, expected in cases.items():
        with pytest.raises(StoreUnavailableError, match=expected):
            connect(f"{plain}?{options}", "test")


@contextmanager
def pgbouncer(server: PostgresServer, folder: Path) -> Iterator[str]:
    """Its DSN: one server connection for everybody, in transaction mode."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        pytest.skip("no pgbouncer here")
    port, password = free_port(), server.settings.role_password_file("owner").read_text().strip()
    folder.mkdir()
    (folder / "users").write_text(f'"whale" "{password}"\n')
    lines = [
        "[databases]",
        f"* = host=127.0.0.1 port={server.settings.postgres_port} pool_size=1",
        "[pgbouncer]",
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =",
        f"auth_type = scram-sha-256\nauth_file = {folder / 'users'}\npool_mode = transaction",
    ]
    (folder / "ini").write_text("\n".join(lines) + "\n")
    dsn = f"postgresql://whale:{password}@127.0.0.1:{port}/whale"
    with running([*postgres_binaries.unprivileged_prefix(), program, str(folder / "ini")], folder / "log"):
        wait_for_result(lambda: answers(dsn), 120)
        yield dsn


@pytest.mark.server
def test_behind_pgbouncer_settings_stay_with_whom_they_are_for(server: PostgresServer, tmp_path: Path) -> None:
    query(server.dsn("postgres"), "ALTER ROLE whale SET statement_timeout = '33s'")  # so that another's can be told
    with pgbouncer(server, tmp_path / "pgbouncer") as pooled:
        settings = Settings.model_validate(
            {"home": tmp_path, "postgres_dsn": pooled, "postgres_direct_dsn": server.dsn("whale")}
        )
        migrate(settings, 60)
        quick = ConnectionPool(lambda: settings.dsn("api"), "quick", statement_timeout_s=7)
        patient = ConnectionPool(lambda: settings.dsn("api"), "patient", statement_timeout_s=70)
        store, deaf = SinkStore(settings.dsn("sink")), settings.dsn("api")
        listener = ChangeListener(settings.dsn("api", direct=True), "test")
        try:
            with pytest.raises(
                NotifyUnavailableError, match="give WHALE_API_POSTGRES_DSN, or WHALE_POSTGRES_DIRECT_DSN"
            ):
                ChangeListener(deaf, "test")
            for _ in range(3):
                assert quick.fetch_rows(ASKED) == [("7s", "on", True)]
                assert patient.fetch_rows(ASKED) == [("70s", "on", True)]
                assert query(pooled, "SELECT current_setting('statement_timeout')") == [("33s",)]
            store.store_offsets({(TRADE_WINDOWS, 0): StoredOffset(0, "topic-1", "cluster-1")}, [])
            assert store.write(batch_of(WINDOW))[TRADE_WINDOWS] == 1
            assert any("BTCUSDT" in payload for payload in listener.wait_for_notices(30))
        finally:
            for one in (quick, patient, store, listener):
                one.close()


@contextmanager
def standby(server: PostgresServer, folder: Path) -> Iterator[str]:
    """The DSN of a streaming replica."""
    settings, port = server.settings, free_port()
    binaries = postgres_binaries.find_binaries(settings.pg_bin)
    if not (binaries / "pg_basebackup").exists():
        pytest.skip(f"no pg_basebackup in {binaries}")
    copy = [
        str(binaries / "pg_basebackup"),
        "-d",
        settings.dsn(),
        "-D",
        str(folder),
        "-R",
        "-X",
        "stream",
        "-c",
        "fast",
    ]
    subprocess.run([*postgres_binaries.unprivileged_prefix(), *copy], check=True, capture_output=True)
    options = [part for option in (f"port={port}", "ssl=off", "unix_socket_directories=") for part in ("-c", option)]
    argv = [*postgres_binaries.unprivileged_prefix(), str(binaries / "postgres"), "-D", str(folder), *options]
    dsn = settings.dsn().replace(f":{settings.postgres_port}/", f":{port}/")
    with running(argv, folder.with_suffix(".log")):
        wait_for_result(lambda: answers(dsn), 120)
        yield dsn


@pytest.mark.server
def test_a_replica_serves_the_board_and_says_when_it_is_behind(server: PostgresServer, tmp_path: Path) -> None:
    migrate(Settings.model_validate({"home": tmp_path, "postgres_dsn": server.dsn("whale")}), 60)
    with standby(server, tmp_path / "standby") as dsn, closing(ConnectionPool(lambda: dsn, "test")) as pool:
        with pytest.raises(NotifyUnavailableError, match="a read replica hears no NOTIFY"):
            ChangeListener(dsn, "test")
        cache, stop = LatestCache(), threading.Event()
        feeder = CacheUpdater(cache, pool, lambda: dsn, lambda _: None)
        thread = threading.Thread(target=feeder.run, args=(stop,))
        thread.start()
        try:
            wait_for_result(lambda: cache.response is not None, 120)
            with closing(SinkStore(server.dsn("whale"))) as store:
                store.store_offsets({(TRADE_WINDOWS, 0): StoredOffset(0, "topic-1", "cluster-1")}, [])
                store.write(batch_of(WINDOW))
            wait_for_result(lambda: cache.response is not None and b"BTCUSDT" in cache.response.body, 120)
            assert replica_lag.describe_replica_lag(pool) == ""
            assert feeder.connects == 1
            server.kill()
            wait_for_result(lambda: "receives nothing from its primary" in replica_lag.describe_replica_lag(pool), 120)
            wait_for_result(lambda: "receives nothing" in ((cache.response and cache.response.reason) or ""), 120)
            assert b"BTCUSDT" in (cache.response.body if cache.response else b""), "what it has is still served"
        finally:
            stop.set()
            thread.join(60)
