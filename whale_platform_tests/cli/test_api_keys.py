"""`whale api-key`, as typed."""

import os
import subprocess
import sys
from pathlib import Path

from whale_platform.homes import claim_home
from whale_platform.settings import ROOT


def whale(home: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, "PYTHONPATH": str(ROOT), "WHALE_HOME": str(home)}
    argv = [sys.executable, "-m", "whale_platform.cli", "api-key", *words]
    return subprocess.run(argv, env=env, cwd=home, capture_output=True, text=True, check=False)


def test_add_list_and_remove(tmp_path: Path) -> None:
    nowhere = whale(tmp_path, "list")
    assert (nowhere.returncode, nowhere.stderr.startswith("whale: nothing has run in")) == (2, True)
    claim_home(tmp_path, "live")
    made = whale(tmp_path, "add", "grafana")
    assert made.returncode == 0 and made.stdout.startswith("whale_")
    listed = whale(tmp_path, "list")
    assert listed.stdout.startswith("grafana") and made.stdout.strip() not in listed.stdout
    again = whale(tmp_path, "add", "grafana")
    assert (again.returncode, again.stderr.count("\n")) == (2, 1) and "already" in again.stderr
    assert whale(tmp_path, "remove", "grafana").returncode == 0
    assert whale(tmp_path, "list").stdout == ""
    assert "there is no key 'grafana'" in whale(tmp_path, "remove", "grafana").stderr
