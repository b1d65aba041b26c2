"""The version of the code that computed a number: the git commit of this checkout or image, else the package's version.

An image has no git; its build leaves the commit in the file COMMIT of the package.
"""

import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from whale_platform import __version__

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path(__file__).resolve().parent.name
COMMIT_FILE = Path(__file__).resolve().parent / "COMMIT"


@cache
def code_version() -> str:
    """Such as `1a2b3c4d`, `1a2b3c4d-dirty` (uncommitted changes), or `0.1.0` outside a checkout."""
    return _read_image_commit() or _git("describe", "--always", "--dirty", "--abbrev=8", "--exclude=*") or __version__


def version_text() -> str:
    """For `whale --version`: `0.1.0 (1a2b3c4d)`, without the commit where git can't say."""
    code = code_version()
    return __version__ if code == __version__ else f"{__version__} ({code})"


def deployed_code() -> str:
    """The last commit that is checked out and changed this package; empty where git can't say.

    Other than `code_version` it is asked of git at each call: it changes while a process runs.
    """
    return _read_image_commit() or _git("log", "-1", "--format=%h", "--", PACKAGE)


def _read_image_commit() -> str:
    """The commit that an image was built of; empty in a checkout."""
    try:
        return COMMIT_FILE.read_text().strip()
    except OSError:
        return ""


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def new_run_id(service: str) -> str:
    """Names one run of a service: `stream-20261121T101500Z-1a2b3c4d` (start in UTC, code version)."""
    return f"{service}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{code_version()}"


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What a run id says; `started` is None where it is not of this platform's form."""

    id: str
    service: str
    started: datetime | None
    code: str


def parse_run_id(run_id: str) -> RunInfo:
    """The inverse of `new_run_id`."""
    service, _, rest = run_id.partition("-")
    time_text, _, code = rest.partition("-")
    try:
        return RunInfo(run_id, service, datetime.strptime(time_text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC), code)
    except ValueError:
        return RunInfo(run_id, service, None, "")
