"""How much room a home's disks have, which store takes how much of it, and how much must stay free.

Free space is queried on each call. Sizes take a walk through every folder: the supervisor makes one a minute, on a
thread of low priority, and writes the result to `run/disk.json` for `status`, `/metrics`, `/health` and Dagster's
check. Where it can't be written (a full disk, no supervisor) sizes are left out. Standard library only.
"""

import contextlib
import json
import os
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEASURE_EVERY_S = 60.0
LOW_SHARE = 0.1
RESERVE_BYTES = 2_000_000_000
STORES = ("kafka", "postgres", "lake", "checkpoints", "dagster", "logs")
OTHER = "other"


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """One disk, in bytes."""

    path: Path
    free: int
    total: int

    @property
    def is_low(self) -> bool:
        """Whether less than a tenth is free."""
        return self.free < LOW_SHARE * self.total

    @property
    def spare_bytes(self) -> int:
        """What may be taken by what can wait (imports, compaction, sorts): a tenth, 2 GB at most, stays free."""
        return max(0, self.free - min(int(LOW_SHARE * self.total), RESERVE_BYTES))


def read_disk_space(path: Path) -> DiskSpace:
    """The disk on which `path` lies, or will lie."""
    there = next(one for one in (path, *path.parents) if one.exists())
    usage = shutil.disk_usage(there)
    return DiskSpace(path, usage.free, usage.total)


def read_disk_spaces(home: Path) -> dict[str, DiskSpace]:
    """The disks of a home: `home`, and `lake` where that lies on another one."""
    found = {"home": read_disk_space(home)}
    lake = _read_measured(home).get("lake")
    with contextlib.suppress(OSError):
        if lake is not None and Path(lake).stat().st_dev != home.stat().st_dev:
            found["lake"] = read_disk_space(Path(lake))
    return found


def read_store_sizes(home: Path) -> dict[str, int]:
    """Bytes of each of STORES and of the rest, as last measured; empty where nothing has."""
    found: dict[str, int] = _read_measured(home).get("stores", {})
    return found


def describe_low_disks(home: Path) -> str:
    """What is wrong with the disks, for a person; empty where a tenth of each is free."""
    return "; ".join(
        f"the disk of {one.path} is nearly full: {one.free / 1e9:.1f} of {one.total / 1e9:.1f} GB are free. "
        "Free some, or bound what grows: WHALE_KAFKA_BYTES, WHALE_RETENTION_DAYS, WHALE_LAKE_RETENTION_DAYS"
        for one in read_disk_spaces(home).values()
        if one.is_low
    )


def choose_kafka_bytes(home: Path) -> int:
    """What the embedded broker's topics may take together: 30 % of the disk, at most half of what is there for them."""
    disk = read_disk_space(home)
    exact = min(0.3 * disk.total, 0.5 * (disk.free + measure_folder(home / "kafka")))
    return int(float(f"{exact:.0e}"))  # one digit, so that the broker's settings don't change at each start


def measure_folder(folder: Path) -> int:
    """Bytes that a folder takes on its disk; what vanishes meanwhile counts as nothing, links are not followed."""
    total, left = 0, [folder]
    while left:
        with contextlib.suppress(OSError), os.scandir(left.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        left.append(Path(entry.path))
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
    return total


def measure_stores(home: Path, lake: Path, stream: Path) -> dict[str, Any]:
    """{at, lake, stores: {name: bytes}}: one walk through the home, and through what lies elsewhere.

    `lake` is its folder, `stream` that of the checkpoints' folder.
    """
    stores = dict.fromkeys((*STORES, OTHER), 0)
    for part in home.iterdir():
        name = part.name if part.name in STORES else OTHER
        with contextlib.suppress(OSError):
            stores[name] += measure_folder(part) if part.is_dir() else part.lstat().st_blocks * 512
    if not lake.is_relative_to(home):
        stores["lake"] = measure_folder(lake)
    if not stream.is_relative_to(home):
        stores["checkpoints"] = measure_folder(stream / "checkpoints")
    return {"at": time.time(), "lake": str(lake), "stores": stores}


def start_measuring(home: Path, lake: Path, stream: Path, every_s: float = MEASURE_EVERY_S) -> None:
    """Measure at once and again every `every_s` seconds, on a thread that lives as long as this process."""
    threading.Thread(target=_measure_for_ever, args=(home, lake, stream, every_s), name="disk", daemon=True).start()


def _measure_for_ever(home: Path, lake: Path, stream: Path, every_s: float) -> None:
    with contextlib.suppress(OSError, AttributeError):  # of this thread alone, where the kernel knows threads
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
    while True:
        with contextlib.suppress(OSError):
            _write_measured(home, measure_stores(home, lake, stream))
        time.sleep(every_s)


def _file_path(home: Path) -> Path:
    return home / "run" / "disk.json"


def _write_measured(home: Path, measured: dict[str, Any]) -> None:
    path = _file_path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(measured))
    fresh.replace(path)


def _read_measured(home: Path) -> dict[str, Any]:
    try:
        found = json.loads(_file_path(home).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
