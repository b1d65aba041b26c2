"""Wrong settings: one line and exit code 78 from every program, as starting it again can't help."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from whale_platform.settings import ROOT
from whale_platform.supervision.runtime import exit_codes

PROGRAMS = {
    "sink": ("topology.container", "sink"),
    "services": ("topology",),
    "topics": ("broker",),
    "migrate": ("stores.migrate",),
    "ingester": ("ingest",),
    "dagster-code": ("embedded.dagster", "dagster-code"),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_names_the_wrong_setting_in_one_line_and_asks_for_a_person(program: str, tmp_path: Path) -> None:
    module, *words = PROGRAMS[program]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "WHALE_HOME": str(tmp_path), "WHALE_KAFKA_PORT": "abc"}
    command = [sys.executable, "-m", f"whale_platform.{module}", *words]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == exit_codes.BLOCKED, done.stderr
    assert done.stderr.startswith(f"{program}: WHALE_KAFKA_PORT=abc: Input should be a valid integer")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir()), "nothing was claimed"
