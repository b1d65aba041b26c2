"""Disks of a few megabytes, to be filled."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mount_disk(place: Path, megabytes: int) -> Iterator[Path]:
    """A disk of that size at `place`; the test is skipped where none can be mounted."""
    place.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)]
    made = subprocess.run(argv, check=False, capture_output=True)
    if made.returncode:
        pytest.skip(f"a small disk can't be mounted here: {made.stderr.decode().strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def fill_disk(place: Path, leave: int = 0) -> Path:
    """A file that takes all but `leave` bytes, whoever else writes there meanwhile."""
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file:
        if leave:
            os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(place).free - leave)
            return ballast
        with pytest.raises(OSError, match="No space left"):
            while True:
                file.write(bytes(4096))
    return ballast
