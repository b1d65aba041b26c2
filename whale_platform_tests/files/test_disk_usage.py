"""Room and sizes: what is measured is what is there, what is low is told everywhere, what can wait leaves a tenth."""

import io
import json
import time
from pathlib import Path

import dagster as dg
import pytest
from rich.console import Console

from whale_platform.api.monitoring.metrics import _collect_disks
from whale_platform.cli.inspection import screen
from whale_platform.defs.quality import disk_checks
from whale_platform.defs.shared.platform_settings import PlatformSettings
from whale_platform.files import disk_usage
from whale_platform.files.disk_usage import DiskSpace
from whale_platform.homes import open_home
from whale_platform.topology import home_state

MB = 1_000_000


def fill(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)


def test_each_store_is_measured_by_the_blocks_it_takes(tmp_path: Path) -> None:
    home, shared = tmp_path / "home", tmp_path / "elsewhere"
    lake = shared / "lake"
    fill(home / "kafka" / "data" / "raw-0" / "0.log", 3 * MB)
    fill(home / "postgres" / "base" / "1", MB)
    fill(home / "stream" / "spark" / "x", MB)
    fill(lake / "trades" / "a.parquet", 2 * MB)
    fill(shared / "checkpoints" / "windows" / "v2" / "state" / "1.zip", 4 * MB)
    with (home / "kafka" / "sparse.index").open("wb") as file:
        file.truncate(50 * MB)
    (home / "logs").symlink_to(home / "gone")
    found = disk_usage.measure_stores(home, lake, shared)["stores"]
    assert {name: round(size / MB) for name, size in found.items() if size >= MB / 2} == {
        "kafka": 3,
        "postgres": 1,
        "lake": 2,
        "checkpoints": 4,
        "other": 1,
    }


def test_the_last_walk_is_there_for_everybody_and_a_torn_one_is_none(tmp_path: Path) -> None:
    assert disk_usage.read_store_sizes(tmp_path) == {}
    fill(tmp_path / "lake" / "a", MB)
    disk_usage.start_measuring(tmp_path, tmp_path / "lake", tmp_path, 0.05)
    fill(tmp_path / "kafka" / "b", 2 * MB)
    deadline = time.monotonic() + 60
    while disk_usage.read_store_sizes(tmp_path).get("kafka", 0) < 2 * MB:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert disk_usage.read_store_sizes(tmp_path)["lake"] >= MB
    (tmp_path / "run" / "disk.json").write_text("{")


@pytest.mark.parametrize(
    ("free", "total", "low", "spare"),
    [
        (50 * 10**9, 100 * 10**9, False, 48 * 10**9),
        (9 * 10**9, 100 * 10**9, True, 7 * 10**9),
        (2 * 10**9, 100 * 10**9, True, 0),
        (2 * 10**9, 10 * 10**9, False, 10**9),
        (0, 10 * 10**9, True, 0),
    ],
)
def test_a_tenth_is_low_and_two_gigabytes_stay(free: int, total: int, low: bool, spare: int) -> None:
    room = DiskSpace(Path("/"), free, total)
    assert (room.is_low, room.spare_bytes) == (low, spare)


def test_a_disk_that_is_nearly_full_is_said_by_status_metrics_and_check(
    small_disk: Path,
) -> None:
    home = open_home(small_disk, "live")
    fill(home.path / "kafka" / "x", MB)
    disk_usage._write_measured(home.path, disk_usage.measure_stores(home.path, home.path / "lake", home.path))
    for expected in ("ok", "degraded"):
        now = home_state.take_snapshot(home)["disk"]
        assert now["state"] == expected
        assert json.loads(json.dumps(now)) == now
        checked = dg.materialize(
            [disk_checks.enough_disk],
            selection=dg.AssetSelection.checks(disk_checks.enough_disk),
            resources={"platform": PlatformSettings(home=str(home.path))},
        )
        evaluation = checked.get_asset_check_evaluations()[0]
        assert evaluation.passed == (expected == "ok")
        out = io.StringIO()
        Console(file=out, width=400).print(screen.render_disk(now))
        assert ("nearly full" in out.getvalue()) == (expected == "degraded")
        assert "kafka 1.0 MB" in out.getvalue()
        samples = {
            (one.name, *one.labels.values()): one.value
            for family in _collect_disks(home.path)
            for one in family.samples
        }
        assert samples["whale_disk_free_bytes", "home"] == now["disks"]["home"]["free"]
        assert samples["whale_store_bytes", "kafka"] >= MB
        fill(small_disk / "filler", int(now["disks"]["home"]["free"] * 0.95))


def test_the_broker_gets_a_share_of_what_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for free, total, expected in ((60, 100, 30), (10, 100, 5), (1, 10, 0.5)):
        monkeypatch.setattr(
            disk_usage, "read_disk_space", lambda path, f=free, t=total: DiskSpace(path, f * 10**9, t * 10**9)
        )
        assert disk_usage.choose_kafka_bytes(tmp_path) == expected * 10**9
