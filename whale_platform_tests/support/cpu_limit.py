"""A part of one core for what is put into it: cgroups of version 1 or 2, where this user may make them."""

import contextlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CGROUP_ROOT = Path("/sys/fs/cgroup")
PERIOD_US = 100_000


@contextmanager
def limit_cpu(cores: float) -> Iterator[Path]:
    """The folder of a control group that gets so much of a core; skips where none can be made. Its processes must end
    before it does."""
    second = (CGROUP_ROOT / "cgroup.controllers").exists()
    made = (CGROUP_ROOT if second else CGROUP_ROOT / "cpu") / f"whale-test-{os.getpid()}-{time.time_ns()}"
    quota = int(cores * PERIOD_US)
    try:
        made.mkdir()
        if second:
            (made / "cpu.max").write_text(f"{quota} {PERIOD_US}")
        else:
            (made / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (made / "cpu.cfs_quota_us").write_text(str(quota))
    except OSError as error:
        with contextlib.suppress(OSError):
            made.rmdir()
        pytest.skip(f"no control group with a part of a core can be made here: {error}")
    try:
        yield made
    finally:
        _remove(made)


def enter_group(group: Path) -> None:
    """Put this process, and what it will start, into `group`."""
    (group / "cgroup.procs").write_text(str(os.getpid()))


def lift_limit(group: Path) -> None:
    """Let what is in `group` have all of the machine."""
    if (limit := group / "cpu.max").exists():
        limit.write_text(f"max {PERIOD_US}")
    else:
        (group / "cpu.cfs_quota_us").write_text("-1")


def _remove(group: Path) -> None:
    for _ in range(300):  # a process that was killed is in it until it is gone
        with contextlib.suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.1)
