"""Dagster's three processes on this machine: code server, webserver, daemon; their files in `HOME/dagster`.

Storage is the database `dagster` beside the platform's own. The code server is one process that loads the definitions
once and runs what is launched as its children: starting it again is how new code gets in. It listens on a Unix socket
that only this user can reach, since whoever reaches it can run code; with parts on several hosts, on a TCP port. All
three end with their parent, and are killed with what they started after a grace.
"""

import contextlib
import hashlib
import os
import signal
import socket
import stat
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from whale_platform import host_headers, proxy_bypass
from whale_platform.embedded import grpc_ping
from whale_platform.embedded.errors import EmbeddedServerError
from whale_platform.files.atomic_files import write_json, write_text
from whale_platform.settings import ROOT, Settings
from whale_platform.stores.postgres import databases
from whale_platform.supervision.processes import parent_watch
from whale_platform.supervision.runtime.settings_reader import read_settings

STOP_SIGNAL = signal.SIGTERM
LOCATION = "whale_platform"
DEFINITIONS = "whale_platform.definitions"
RESPONSE_S = 20.0
INSTANCE_VARIABLE = "WHALE_DAGSTER_INSTANCE"  # names the DAGSTER_HOME that belongs to the platform
SOCKET_BYTES = 103  # what every system allows for a socket's path
SHORT_FOLDER = Path("/tmp")  # for homes with long paths; no variable, so that every process finds the same
GRPC_TIMEOUT_S = "600"  # Dagster's own 60 s fail runs on a machine that is slow, and what hangs is seen by the ping


def dagster_home(settings: Settings) -> Path:
    """`DAGSTER_HOME` of this home."""
    return settings.home.resolve() / "dagster"


def prepare_dagster(settings: Settings) -> None:
    """Make the database and the folder with `dagster.yaml` and `workspace.yaml`. Raises StoreUnavailableError,
    SchemaMismatchError."""
    databases.ensure_database(settings.dsn(direct=True), settings.dagster_dsn_text())
    write_files(settings)


def write_files(settings: Settings) -> None:
    """`dagster.yaml` as in the repository, and a `workspace.yaml` that names this home's code server.

    Each is replaced whole: every `whale dagster` comes here, while Dagster's own processes read them. The folders of
    both and of the socket are this user's alone. Raises EmbeddedServerError where somebody else has the socket's.
    """
    there = dagster_home(settings)
    _make_private(there)
    write_text(there / "dagster.yaml", (ROOT / "dagster.yaml").read_text())
    server: dict[str, str | int] = {"location_name": LOCATION}
    if (path := code_socket(settings)) is not None:
        _make_private(path.parent)
        server["socket"] = str(path)
    else:
        server |= {"host": settings.dagster_code_host, "port": settings.dagster_code_port}
    write_json(there / "workspace.yaml", {"load_from": [{"grpc_server": server}]})  # JSON is YAML


def code_socket(settings: Settings) -> Path | None:
    """The code server's Unix socket, in the home or, where that path is too long for one, under `SHORT_FOLDER`.

    None where the code server is on another host than its clients (`WHALE_DAGSTER_CODE_HOST`): it has a port then.
    """
    if not host_headers.is_loopback(settings.dagster_code_host):
        return None
    path = dagster_home(settings) / "code.sock"
    if len(os.fsencode(path)) <= SOCKET_BYTES:
        return path
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return SHORT_FOLDER / f"whale-{os.getuid()}" / f"{name}.sock"


def _make_private(path: Path) -> None:
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700, parents=True)
    found = path.lstat()
    if path.parent == SHORT_FOLDER and not (stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()):
        raise EmbeddedServerError(
            f"{path} belongs to another user, who could read what passes there: have it deleted, or choose a shorter "
            "path for the home"
        )
    path.chmod(0o700)


def dagster_environment(settings: Settings) -> dict[str, str]:
    """The variables of every Dagster process of this home. Holds the storage's password."""
    return {
        **settings.environment(),
        **proxy_bypass.build_no_proxy(os.environ, settings.dagster_code_host),  # gRPC asks a proxy too
        "WHALE_DAGSTER_DSN": settings.dagster_dsn_text(),
        "DAGSTER_HOME": str(dagster_home(settings)),
        INSTANCE_VARIABLE: str(dagster_home(settings)),
        **{
            f"DAGSTER_{kind}GRPC_TIMEOUT_SECONDS": GRPC_TIMEOUT_S
            for kind in ("", "REPOSITORY_", "SCHEDULE_", "SENSOR_")
        },
        "MALLOC_ARENA_MAX": "1",  # many threads that wait: an arena for each would cost memory and gain nothing
        "PYTHONPATH": os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH", "")) if part),
    }


def is_platform_dagster(env: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is part of the platform's own Dagster, and not of one that somebody runs beside it."""
    return INSTANCE_VARIABLE in env and env[INSTANCE_VARIABLE] == env.get("DAGSTER_HOME")


def part_command(part: str) -> tuple[str, ...]:
    """What to run for one of PARTS; the DSN is looked up by the process itself, once the database has been made."""
    return (sys.executable, "-m", "whale_platform.embedded.dagster", part)


def code_server_responds(settings: Settings) -> bool:
    """Whether the code server answers, which it does once the definitions are loaded."""
    path = code_socket(settings)
    family, address = (
        (socket.AF_INET, ("127.0.0.1", settings.dagster_code_port)) if path is None else (socket.AF_UNIX, str(path))
    )
    try:
        with socket.socket(family) as asking:
            asking.settimeout(RESPONSE_S)
            asking.connect(address)
            return grpc_ping.server_responds(asking, RESPONSE_S)
    except OSError:
        return False


def webserver_responds(settings: Settings) -> bool:
    """Whether the UI answers."""
    try:
        with proxy_bypass.DIRECT_OPENER.open(f"{settings.dagster_url}/server_info", timeout=RESPONSE_S) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def daemon_is_alive(settings: Settings) -> bool | None:
    """Whether the daemon has sent a heartbeat lately, as its storage says; None where that can't be read."""
    return databases.is_daemon_alive(settings.dagster_dsn_text())


CODE_SERVER = "dagster-code"
PARTS: dict[str, Callable[[Settings], bool | None]] = {
    CODE_SERVER: code_server_responds,
    "dagster-daemon": daemon_is_alive,
    "dagster-web": webserver_responds,
}


def part_program(settings: Settings, part: str) -> list[str]:
    """The real command line of one of PARTS."""
    workspace, path = str(dagster_home(settings) / "workspace.yaml"), code_socket(settings)
    place = ["-h", settings.bind, "-p", str(settings.dagster_code_port)] if path is None else ["-s", str(path)]
    words = {
        CODE_SERVER: ["dagster", "api", "grpc", "-m", DEFINITIONS, *place],
        "dagster-web": ["whale_platform.embedded.dagster_webserver", workspace],
        "dagster-daemon": ["dagster._daemon", "run", "-w", workspace],
    }
    return [sys.executable, "-W", "ignore", "-m", *words[part]]


def become_program(settings: Settings, argv: list[str]) -> NoReturn:
    """Replace this process by `argv` with the environment of this home's Dagster."""
    os.execve(argv[0], argv, {**os.environ, **dagster_environment(settings)})


def main(part: str) -> NoReturn:
    """`python -m whale_platform.embedded.dagster PART`: become that part, ended when the parent ends."""
    parent_watch.die_with_parent(STOP_SIGNAL)
    settings = read_settings(part)
    become_program(settings, part_program(settings, part))


if __name__ == "__main__":
    main(sys.argv[1])
