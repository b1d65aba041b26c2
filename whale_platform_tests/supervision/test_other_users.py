"""What another user of the machine can do to a home: nothing. Tried as another user, which takes root."""

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from whale_platform.homes import HomeError, find_current_home, open_home
from whale_platform.supervision.errors import LeaseRefusedError
from whale_platform.supervision.runtime import lease
from whale_platform.supervision.runtime.lease import Lease
from whale_platform_tests.support.small_disks import fill_disk

NOBODY = 65534


def as_nobody(*argv: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run a program as another user; skips where that can't be done."""
    if os.geteuid() != 0 or shutil.which(argv[0]) is None:
        pytest.skip(f"takes root and the program {argv[0]}")
    return subprocess.run(argv, user=NOBODY, group=NOBODY, extra_groups=[], cwd="/", capture_output=True, text=True)


@pytest.fixture
def base() -> Iterator[Path]:
    """A folder that everybody can reach, as a checkout's `.whale` is; pytest's own are closed."""
    with tempfile.TemporaryDirectory(prefix="whale-private-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_nobody_else_can_hold_a_lease(base: Path) -> None:
    (base / "run").mkdir(mode=0o755)
    lock = base / "run" / "stream.lock"
    lock.touch(0o644)
    one = Lease(base, "stream")
    one.acquire()
    one.release()
    refused = as_nobody("flock", "--shared", "--nonblock", lock, "true")
    assert refused.returncode != 0
    assert "Permission denied" in refused.stderr
    one.acquire()
    assert lease.find_lease_holder(base, "stream") == os.getpid()
    one.release()


@pytest.mark.parametrize("made_before", [False, True])
def test_nobody_else_looks_into_a_home_and_tools_stay_readable(base: Path, made_before: bool) -> None:
    (base / "tools").mkdir()
    if made_before:
        open_home(base, "live").path.chmod(0o755)
    home = open_home(base, "live").path
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert as_nobody("ls", home).returncode != 0
    assert as_nobody("ls", base / "tools").returncode == 0


def test_whose_home_it_is_is_said(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_home(base, "live")

    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(HomeError, match="belongs to another user"):
        find_current_home(base / "live")


def test_a_lease_can_be_taken_on_a_full_disk(small_disk: Path) -> None:
    one, other = Lease(small_disk, "stream"), Lease(small_disk, "stream")
    (small_disk / "run").mkdir()
    ballast = fill_disk(small_disk)
    one.acquire()
    with pytest.raises(LeaseRefusedError):
        other.acquire()
    one.release()
    ballast.unlink()
    other.acquire()
    assert lease.find_lease_holder(small_disk, "stream") == os.getpid()
    other.release()
