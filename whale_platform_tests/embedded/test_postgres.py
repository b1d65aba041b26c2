import contextlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg2
import pytest
from pydantic import SecretStr

from whale_platform.embedded import postgres, postgres_binaries, server_orphans
from whale_platform.settings import Settings
from whale_platform.toolchain.errors import ToolchainError
from whale_platform_tests.support.embedded_servers import StartServer, port_answers, wait_until
from whale_platform_tests.support.processes import ended

pytestmark = pytest.mark.server


def psql(settings: Settings, sql: str) -> str:
    argv, environment = postgres.psql_command(settings, ["-qAtc", sql])
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def ready(settings: Settings) -> bool:
    argv, environment = postgres.psql_command(settings, ["-qAtc", "SELECT 1"])
    return subprocess.run(argv, env=environment, capture_output=True).returncode == 0


def up(settings: Settings, start: StartServer) -> "subprocess.Popen[bytes]":
    postgres.prepare_postgres(settings)
    server = start(postgres.postgres_command(settings), settings.postgres_port)
    wait_until(lambda: ready(settings), "Postgres")
    return server


@pytest.mark.process
def test_what_was_committed_outlives_kill_9_with_a_backend_at_work(settings: Settings, start: StartServer) -> None:
    server = up(settings, start)
    psql(settings, "CREATE TABLE t AS SELECT generate_series(1, 1000) AS n")
    argv, environment = postgres.psql_command(settings, ["-c", "INSERT INTO t SELECT 0 FROM pg_sleep(600)"])
    with subprocess.Popen(argv, env=environment, stderr=subprocess.DEVNULL) as busy:
        wait_until(
            lambda: psql(settings, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1", "it"
        )
        server.kill()
        server.wait()
        server = up(settings, start)
        busy.wait(300)
    assert psql(settings, "SELECT count(*), sum(n) FROM t") == "1000|500500"
    server.send_signal(postgres.STOP_SIGNAL)
    assert server.wait(300) == 0


@pytest.mark.process
def test_backends_that_hang_after_their_postmaster_are_ended(
    settings: Settings, start: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = up(settings, start)
    children = psutil.Process(server.pid).children(recursive=True)
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):  # the backend that just answered is on its way out
            child.suspend()
    server.kill()
    server.wait()
    monkeypatch.setattr(server_orphans, "GRACE_S", 0.2)
    up(settings, start)
    assert all(ended(child) for child in children)


@pytest.mark.process
def test_postgres_ends_with_its_parent(settings: Settings) -> None:
    postgres.prepare_postgres(settings)
    command = postgres.postgres_command(settings)
    script = f"import subprocess, time; print(subprocess.Popen({command!r}).pid, flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        server = psutil.Process(int(parent.stdout.readline()))
        wait_until(lambda: port_answers(settings.postgres_port), "Postgres")
        parent.kill()
    wait_until(lambda: ended(server), "Postgres's end")


def test_the_password_is_secret_needed_and_replaced_when_lost(settings: Settings, start: StartServer) -> None:
    server = up(settings, start)
    assert stat.S_IMODE(settings.role_password_file("owner").stat().st_mode) == 0o600
    password = settings.role_password_file("owner").read_text().strip()
    argv, _ = postgres.psql_command(settings, [])
    assert not any(password in part for part in [*argv, *postgres.postgres_command(settings)])
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(settings.dsn().replace(password, "wrong"))
    server.send_signal(postgres.STOP_SIGNAL)
    server.wait(300)
    settings.role_password_file("owner").unlink()
    up(settings, start)
    assert settings.role_password_file("owner").read_text().strip() != password
    assert psql(settings, "SELECT current_user") == "whale"
    verifier = psql(settings, "SELECT rolpassword FROM pg_authid WHERE rolname = 'whale'")
    assert verifier.startswith("SCRAM-SHA-256$1:"), "a login costs one round: the password is random"


def test_a_half_made_data_folder_is_made_anew(settings: Settings, start: StartServer) -> None:
    half_made = settings.home / "postgres.new"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")
    up(settings, start)
    assert psql(settings, "SHOW server_encoding") == "UTF8"
    assert psql(settings, "SHOW listen_addresses") == "127.0.0.1"
    assert not half_made.exists()


def test_a_stale_pid_file_naming_a_living_stranger_is_no_hindrance(settings: Settings, start: StartServer) -> None:
    postgres.prepare_postgres(settings)
    (settings.home / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n")
    up(settings, start)


def test_data_of_another_version_is_refused_with_the_way_out(settings: Settings) -> None:
    data = settings.home / "postgres"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9\n")
    with pytest.raises(ToolchainError, match=r"made by Postgres 9, .*WHALE_PG_BIN") as error:
        postgres.prepare_postgres(settings)
    assert "\n" not in str(error.value)


def test_chosen_binaries_must_be_whole(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="WHALE_PG_BIN"):
        postgres_binaries.find_binaries(tmp_path)


def test_data_of_an_older_version_gets_its_own_binaries() -> None:
    newest = postgres_binaries.find_binaries(None)
    older = postgres_binaries.find_binaries(None, "16")
    assert int(postgres_binaries.read_major_version(newest)) >= 18
    assert postgres_binaries.read_major_version(older) == "16"


def test_root_without_user_namespaces_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    postgres_binaries.unprivileged_prefix.cache_clear()
    try:
        with pytest.raises(ToolchainError, match=r"normal user, or set WHALE_POSTGRES_DSN"):
            postgres_binaries.unprivileged_prefix()
    finally:
        postgres_binaries.unprivileged_prefix.cache_clear()


def test_psql_on_a_database_of_ones_own_keeps_the_secret_off_the_command_line(tmp_path: Path) -> None:
    dsn = SecretStr("postgresql://me:p%40ss@db.example:5432/x?sslmode=require")
    argv, environment = postgres.psql_command(Settings(home=tmp_path, postgres_dsn=dsn), ["-c", "SELECT 1"])
    assert argv[1:] == ["--dbname", "postgresql://me@db.example:5432/x?sslmode=require", "-c", "SELECT 1"]
    assert environment["PGPASSWORD"] == "p@ss"


def test_a_kill_while_the_password_is_replaced_locks_nobody_out(
    settings: Settings, start: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = up(settings, start)
    server.send_signal(postgres.STOP_SIGNAL)
    server.wait(300)
    settings.role_password_file("owner").unlink()
    with monkeypatch.context() as killed:
        killed.setattr(postgres, "_single_user", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            postgres.prepare_postgres(settings)
    up(settings, start)
    assert psql(settings, "SELECT current_user") == "whale"
