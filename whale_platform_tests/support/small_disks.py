"""Disks of a few megabytes, to be filled."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

BALLAST = "ballast"


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


def fill_disk(place: Path) -> None:
    """Write BALLAST until there is no space left."""
    with pytest.raises(OSError, match="No space left"), (place / BALLAST).open("wb", buffering=0) as ballast:
        while True:
            ballast.write(b"x" * 100_000)
