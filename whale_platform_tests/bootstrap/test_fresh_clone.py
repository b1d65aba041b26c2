import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from whale_platform_tests.bootstrap.conftest import ROOT


@pytest.mark.e2e
@pytest.mark.timeout(1200)
def test_a_fresh_clone_sets_itself_up_without_a_system_java(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WHALE_", "VIRTUAL_ENV"))}
    python = shutil.which("python3", path=os.defpath) or sys.executable
    environment = {**kept, "PATH": os.defpath, "WHALE_JAVA": "bundled", "PYTHONPATH": ""}
    done = subprocess.run([python, str(clone / "whale"), "--help"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "up" in done.stdout
    assert (clone / ".whale" / "tools" / "java" / "bin" / "java").exists()
    again = subprocess.run([python, str(clone / "whale"), "--help"], env=environment, capture_output=True, text=True)
    assert (again.returncode, again.stderr, again.stdout) == (0, "", done.stdout)
    status = subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True)
    assert status.stdout == ""
