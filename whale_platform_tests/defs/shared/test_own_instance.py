"""The same definitions in the platform's own Dagster and in one that somebody runs beside it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from whale_platform.defs.services.jobs import SHIFT_JOBS
from whale_platform.defs.shared.platform_settings import PlatformSettings
from whale_platform.embedded import dagster
from whale_platform.settings import ROOT, Settings

OFF = {"thresholds_every_day", "lake_retention_every_night"}
LOOK = """
import json
from whale_platform.definitions import defs
found = defs().get_repository_def()
all_of_them = [*found.schedule_defs, *found.sensor_defs]
print(json.dumps({one.name: one.default_status.value for one in all_of_them}))
"""


def look(env: dict[str, str], folder: Path) -> dict[str, str]:
    """{schedule or sensor: default status} of a process of its own: it is decided where definitions are loaded."""
    argv = [sys.executable, "-W", "ignore", "-c", LOOK]
    done = subprocess.run(argv, env=env, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_only_the_platform_s_own_dagster_starts_anything_by_itself(tmp_path: Path) -> None:
    settings = Settings.model_validate({"home": tmp_path, "postgres_dsn": "postgresql://nobody@127.0.0.1:1/whale"})
    env = {**os.environ, **dagster.dagster_environment(settings), "PYTHONPATH": str(ROOT)}
    own = look(env, tmp_path)
    assert {name for name, status in own.items() if status != "RUNNING"} == OFF
    assert {"shifts", "stream_health", "every_hour", "retention_every_night"} <= own.keys()

    other = look({name: value for name, value in env.items() if name != dagster.INSTANCE_VARIABLE}, tmp_path)
    assert own.keys() == other.keys() and set(other.values()) == {"STOPPED"}


def test_a_shift_launched_elsewhere_starts_nothing_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(dagster.INSTANCE_VARIABLE, raising=False)
    with dg.DagsterInstance.ephemeral() as instance:
        done = SHIFT_JOBS["sink"].execute_in_process(
            instance=instance, resources={"platform": PlatformSettings(home=str(tmp_path))}, raise_on_error=False
        )
    assert "whale up" in str(done.failure_data_for_node("show_sink"))
    assert not list(tmp_path.rglob("*.lock")), "it took no lease and started nothing"
