"""The scratch platform of a benchmark, and how its figures and its progress are printed."""

import json
import os
import platform as machine
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from whale_platform.bench.harness.markets import name_currencies
from whale_platform.bench.harness.platform import Platform
from whale_platform.settings import Settings
from whale_platform.version import code_version

SYMBOLS = 20  # as many as the default settings have on the default exchanges


@contextmanager
def open_scratch_folder(home: Path | None) -> Iterator[Path]:
    """A folder under `home` (None: the temporary one), deleted afterwards, and so where SIGTERM ends the benchmark.

    That ends it like an exception, so that whoever has started a process ends it.
    """
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(prefix="whale-bench-", dir=home) as folder:
        yield Path(folder)


@contextmanager
def open_scratch_platform(home: Path | None, symbols: int = SYMBOLS) -> Iterator[Platform]:
    """A platform that has not been started, in a scratch folder.

    `symbols`: how many markets its simulator has, where the environment does not name them.
    """
    with open_scratch_folder(home) as folder:
        asked = {name: value for name, value in os.environ.items() if name.startswith("WHALE_")}
        kept = {name: asked[name] for name in asked if not name.endswith(("_HOME", "_PORT"))}
        yield Platform(folder, {"WHALE_SYMBOLS": ",".join(name_currencies(symbols)), **kept})


@contextmanager
def run_platform(
    home: Path | None, rate: float, warm_s: float = 0.0, symbols: int = SYMBOLS
) -> Iterator[tuple[Platform, float]]:
    """The platform with the simulator at `rate`, `warm_s` after its `up`, and how long that took.

    It lives in a folder under `home` (None: the temporary one), deleted afterwards. What else the environment sets
    (`WHALE_DAGSTER=false`) applies to it, other than home and ports.
    """
    with open_scratch_platform(home, symbols) as made:
        begin = time.monotonic()
        report("starting the platform")
        try:
            made.start("--source", "simulator", "--rate", str(rate))
            took = time.monotonic() - begin
            time.sleep(warm_s)
            yield made, took
        finally:
            report("stopping it")
            made.stop()


def build_dsn(platform: Platform, home: Path) -> str:
    """Return the data source name of the platform's Postgres."""
    return Settings(home=home, postgres_port=int(platform.env["WHALE_POSTGRES_PORT"])).dsn()


def print_result(case: str, result: dict[str, Any]) -> None:
    """Print a case's figures as JSON, with what they were measured on."""
    about = {
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "python": machine.python_version(),
    }
    print(json.dumps({"case": case, "code": code_version(), "machine": about, **result}, indent=2))


def report(text: str) -> None:
    """Print a line of progress."""
    print(f"bench: {text}", file=sys.stderr, flush=True)
