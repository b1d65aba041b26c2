"""The embedded Postgres: TCP on 127.0.0.1 only, scram passwords, data in `HOME/postgres`.

The data folder is made under another name and renamed when the database stands in it, so a kill in the middle leaves
nothing that is taken as good. Recovery after `kill -9` is Postgres's own; what it can't do itself, wait for orphaned
backends and drop a stale postmaster.pid, `prepare_postgres` does. The password never stands on a command line.
"""

import os
import secrets
import shutil
import signal
import sys
from pathlib import Path
from urllib.parse import unquote

from whale_platform.embedded import postgres_binaries, server_orphans
from whale_platform.embedded.errors import EmbeddedServerError, explain_full_disk
from whale_platform.settings import Settings
from whale_platform.supervision.processes import setup_programs

STOP_SIGNAL = signal.SIGINT  # fast: ends sessions and checkpoints; SIGTERM would wait for the clients to leave

_CONFIG = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "maintenance_work_mem": "32MB",
    "max_worker_processes": "4",
    "max_parallel_workers": "2",
    "autovacuum_max_workers": "2",
    "jit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "512MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
}


def prepare_postgres(settings: Settings) -> None:
    """End orphans; make password and data folder where missing. Raises EmbeddedServerError with one line where that
    fails."""
    data, binaries = _data_path(settings), _find_binaries(settings)
    data.parent.mkdir(parents=True, exist_ok=True)
    server_orphans.end_server_orphans(
        lambda process: process.name().startswith("postgres") and Path(process.cwd()) == data
    )
    password_file, password = settings.role_password_file("owner"), secrets.token_urlsafe(24)
    lost_password = not password_file.exists()
    if not data.exists():
        with explain_full_disk(data.parent):
            if lost_password:
                _write_secret(password_file, password)
            _initialise(data, binaries, password_file)
        return
    _check_version(data, binaries)
    (data / "postmaster.pid").unlink(missing_ok=True)
    if lost_password:  # written down when it is in force: where a kill comes between, the next start makes another
        _single_user(binaries, data, f"ALTER ROLE whale PASSWORD '{password}'")
        _write_secret(password_file, password)


def postgres_command(settings: Settings) -> list[str]:
    """What to run; the server stays in the foreground, logs to stderr and ends with its parent."""
    binaries = _find_binaries(settings)
    parent_watch = [sys.executable, "-m", "whale_platform.supervision.processes.parent_watch", STOP_SIGNAL.name]
    values = {**_CONFIG, "port": str(settings.postgres_port)}
    options = [part for name, value in values.items() for part in ("-c", f"{name}={value}")]
    # The parent watch stands inside the user namespace: entering one would cut it.
    return [
        *postgres_binaries.unprivileged_prefix(),
        *parent_watch,
        str(binaries / "postgres"),
        "-D",
        str(_data_path(settings)),
        *options,
    ]


def psql_command(settings: Settings, args: list[str]) -> tuple[list[str], dict[str, str]]:
    """Arguments and environment of psql on the platform's database; the password stands in the environment only."""
    scheme, _, rest = settings.dsn(direct=True).partition("://")
    user, at, place = rest.rpartition("@")
    name, _, password = user.partition(":")
    psql = _find_binaries(settings) / "psql"
    environment = {**os.environ, **({"PGPASSWORD": unquote(password)} if password else {})}
    return [str(psql), "--dbname", f"{scheme}://{name}{at}{place}", *args], environment


def _data_path(settings: Settings) -> Path:
    return settings.home.resolve() / "postgres"


def _find_binaries(settings: Settings) -> Path:
    version = _data_path(settings) / "PG_VERSION"
    return postgres_binaries.find_binaries(settings.pg_bin, version.read_text().strip() if version.exists() else None)


def _write_secret(path: Path, text: str) -> None:
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")
    fresh.replace(path)


def _initialise(data: Path, binaries: Path, password_file: Path) -> None:
    unfinished = data.with_name("postgres.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    initdb = [str(binaries / "initdb"), "-D", str(unfinished), "-U", "whale", "--pwfile", str(password_file)]
    _run([*initdb, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", *_build_login_options(binaries)])
    _single_user(binaries, unfinished, "CREATE DATABASE whale")
    unfinished.rename(data)


def _build_login_options(binaries: Path) -> list[str]:
    """Thousands of hash rounds guard passwords that people choose; ours has 192 random bits, and Dagster logs in 30
    times a second. The setting is there from Postgres 16 on."""
    return ["-c", "scram_iterations=1"] if int(postgres_binaries.read_major_version(binaries)) >= 16 else []


def _single_user(binaries: Path, data: Path, sql: str) -> None:
    _run([str(binaries / "postgres"), "--single", "-j", "-D", str(data), "template1"], sql + ";\n\n")


def _run(program: list[str], said: str = "") -> None:
    done = setup_programs.run_program(program, said, postgres_binaries.unprivileged_prefix())
    wrong = [line for line in done.stderr.splitlines() if any(word in line for word in ("ERROR", "FATAL", "error:"))]
    if done.returncode or wrong:
        reason = (wrong or done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise EmbeddedServerError(f"Postgres could not be set up ({Path(program[0]).name}): {reason}")


def _check_version(data: Path, binaries: Path) -> None:
    made_by = (data / "PG_VERSION").read_text().strip()
    here = postgres_binaries.read_major_version(binaries)
    if made_by != here:
        raise EmbeddedServerError(
            f"{data} was made by Postgres {made_by}, but {binaries} is Postgres {here}: "
            f"set WHALE_PG_BIN to a Postgres {made_by} bin folder, or start with another --home"
        )
