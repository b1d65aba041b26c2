import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from whale_platform.api import pages
from whale_platform.embedded import web
from whale_platform_tests.bootstrap.conftest import ROOT


def without_node(folder: Path) -> Path:
    """A PATH of one folder: the system's programs but Node.js."""
    folder.mkdir()
    for program in (one for place in os.defpath.split(os.pathsep) if place for one in Path(place).glob("*")):
        if program.name not in ("node", "nodejs", "npm", "npx") and not (folder / program.name).exists():
            (folder / program.name).symlink_to(program)
    return folder


@pytest.mark.e2e
@pytest.mark.timeout(1200)
def test_a_fresh_clone_sets_itself_up_without_a_system_java_or_node(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WHALE_", "VIRTUAL_ENV"))}
    python = shutil.which("python3", path=os.defpath) or sys.executable
    environment = {**kept, "PATH": str(without_node(tmp_path / "bin")), "WHALE_JAVA": "bundled", "PYTHONPATH": ""}
    for _ in range(3):  # it goes on where it stopped
        done = subprocess.run([python, str(clone / "whale"), "--help"], env=environment, capture_output=True, text=True)
        if "check the network" not in done.stderr:
            break
    assert done.returncode == 0, done.stderr[-2000:]
    assert "up" in done.stdout
    tools = clone / ".whale" / "tools"
    assert (tools / "java" / "bin" / "java").exists()
    assert all((web.modules(tools) / file).stat().st_size for file in pages.VENDOR.values())
    assert not (web.modules(tools) / "axe-core").exists(), "only tests load it"
    again = subprocess.run([python, str(clone / "whale"), "--help"], env=environment, capture_output=True, text=True)
    assert (again.returncode, again.stderr, again.stdout) == (0, "", done.stdout)
    status = subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True)
    assert status.stdout == ""
