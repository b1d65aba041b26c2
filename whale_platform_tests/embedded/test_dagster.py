"""Dagster's files and where its code server listens; the processes themselves: e2e/running/dagster and compose."""

import json
import os
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from whale_platform.embedded import dagster
from whale_platform.settings import Settings
from whale_platform.toolchain.errors import ToolchainError


def made(home: Path) -> Settings:
    return Settings.model_validate({"home": home, "postgres_dsn": "postgresql://me@db/whale"})


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def server(settings: Settings) -> dict[str, Any]:
    dagster.write_files(settings)
    (entry,) = json.loads((dagster.dagster_home(settings) / "workspace.yaml").read_text())["load_from"]
    return dict(entry["grpc_server"])


def test_the_code_server_is_on_a_socket_that_only_this_user_can_reach(tmp_path: Path) -> None:
    settings = made(tmp_path / "h")
    path = tmp_path / "h" / "dagster" / "code.sock"
    assert server(settings) == {"location_name": "whale_platform", "socket": str(path)}
    assert mode(path.parent) == 0o700
    words = dagster.part_program(settings, dagster.CODE_SERVER)
    assert words[-2:] == ["-s", str(path)] and "-p" not in words
    assert not dagster.code_server_responds(settings)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        assert not dagster.code_server_responds(settings), "left behind by one that was killed"
    path.unlink()
    serving = grpc.server(ThreadPoolExecutor(1))
    serving.add_insecure_port(f"unix:{path}")
    serving.start()
    assert dagster.code_server_responds(settings)
    serving.stop(None).wait()


def test_a_home_whose_path_is_too_long_has_it_in_a_short_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = [tmp_path / ("x" * 100) / name for name in "ab"]
    monkeypatch.setattr(dagster, "SHORT_FOLDER", short := tmp_path / "tmp")
    settings = [made(home) for home in homes]
    paths = [Path(server(one)["socket"]) for one in settings]
    assert paths[0] != paths[1] and {path.parent for path in paths} == {short / f"whale-{os.getuid()}"}
    assert mode(paths[0].parent) == 0o700
    paths[0].parent.rmdir()
    paths[0].parent.symlink_to(tmp_path)
    with pytest.raises(ToolchainError, match="belongs to another user"):
        dagster.write_files(settings[0])


def test_every_socket_s_path_is_short_enough_for_the_system(tmp_path: Path) -> None:
    for length in range(1, 200, 7):
        home = Path("/") / ("h" * length)
        path = dagster.code_socket(Settings(home=home))
        assert path is not None and len(os.fsencode(path)) <= 103


def test_on_another_host_it_has_a_port(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, dagster_code_host="dagster-code", dagster_code_port=13001, bind="0.0.0.0")
    assert server(settings) == {"location_name": "whale_platform", "host": "dagster-code", "port": 13001}
    assert dagster.part_program(settings, dagster.CODE_SERVER)[-4:] == ["-h", "0.0.0.0", "-p", "13001"]


def test_only_processes_of_this_home_s_dagster_are_ours(tmp_path: Path) -> None:
    env = dagster.dagster_environment(made(tmp_path))
    assert dagster.is_platform_dagster(env)
    assert not dagster.is_platform_dagster({**env, "DAGSTER_HOME": "/elsewhere"}), (
        "the mark is inherited, the instance is not"
    )
    assert not dagster.is_platform_dagster({"DAGSTER_HOME": env["DAGSTER_HOME"]}) and not dagster.is_platform_dagster(
        {}
    )
