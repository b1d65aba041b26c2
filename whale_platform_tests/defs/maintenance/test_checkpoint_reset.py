"""The reset job on real folders: what the dry run names is what goes, and never under a running stream."""

from pathlib import Path

import dagster as dg
import pytest

from whale_platform.defs.maintenance.jobs import checkpoint_reset
from whale_platform.defs.shared.platform_settings import PlatformSettings
from whale_platform.supervision.control.state_files import requests_folder
from whale_platform.supervision.runtime.lease import Lease


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for query in ("windows", "whales"):
        (tmp_path / "checkpoints" / query / "realtime-v1" / "commits").mkdir(parents=True)
    return tmp_path


def run(home: Path, **config: object) -> dg.ExecuteInProcessResult:
    return checkpoint_reset.execute_in_process(
        run_config={"ops": {"reset_checkpoint": {"config": config}}},
        resources={"platform": PlatformSettings(home=str(home))},
        raise_on_error=False,
    )


def live(home: Path) -> list[str]:
    return sorted(path.parent.name for path in (home / "checkpoints").glob("w*/*"))


def test_the_dry_run_is_the_default_and_the_real_one_archives_and_asks_for_a_restart(home: Path) -> None:
    assert run(home).success
    assert live(home) == ["whales", "windows"]
    assert not requests_folder(home).exists()
    unsure = run(home, query="windows", dry_run=False)
    assert f"has to be confirmed: set `confirm_home: {home.name}`" in str(
        unsure.failure_data_for_node("reset_checkpoint")
    )
    assert live(home) == ["whales", "windows"]
    assert run(home, query="windows", dry_run=False, confirm_home=home.name).success
    assert live(home) == ["whales"]
    assert [path.name[:19] for path in (home / "checkpoints" / "archive").iterdir()] == ["windows-realtime-v1"]
    assert [path.name for path in requests_folder(home).iterdir()] == ["stream"]


def test_it_is_refused_while_the_stream_runs(home: Path) -> None:
    lease = Lease(home, "stream")
    lease.acquire()
    assert run(home).success, "looking is allowed"
    done = run(home, dry_run=False, confirm_home=home.name)
    assert "already runs here as pid" in str(done.failure_data_for_node("reset_checkpoint"))
    assert live(home) == ["whales", "windows"]
    lease.release()


def test_an_unknown_query_is_refused_with_what_there_is(home: Path) -> None:
    done = run(home, query="widows")
    assert "there is no query 'widows': one of windows, whales, lake or all" in str(
        done.failure_data_for_node("reset_checkpoint")
    )
