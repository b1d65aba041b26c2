"""The environment `.venv`: made from a hashed lock by uv, skipped when current, created again if its creation was
interrupted.

The stamp is removed before the first change and written after the last, so a kill at any moment leaves either a whole
environment or one without a stamp, which is deleted (downloads are kept by uv). One `./whale` at a time sets up; others
wait for it.
"""

import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from whale_platform.bootstrap import tool_runner
from whale_platform.bootstrap.paths import CheckoutPaths, SetupError
from whale_platform.bootstrap.setup_stamps import (
    SetupKind,
    are_tools_current,
    file_digest,
    is_environment_current,
    read_stamp,
)

NEEDED_BYTES = 3_200_000_000  # measured: environment 1.4 GB, uv's cache 1.5 GB beside it, jars and uv 0.1 GB


def run_setup(paths: CheckoutPaths, kind: SetupKind) -> int:
    """Set up what is missing, as a command: an exit code, and one line on stderr where it failed."""
    try:
        ensure_setup(paths, kind)
    except SetupError as failed:
        tool_runner.report_line(str(failed))
        return 1
    except KeyboardInterrupt:
        tool_runner.report_line("set-up stopped: run ./whale again, it goes on where it stopped")
        return 130
    return 0


def ensure_setup(paths: CheckoutPaths, kind: SetupKind) -> None:
    """Set up what is missing. Raises SetupError with one line."""
    try:
        _set_up(paths, kind)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SetupError("the disk is full: free some space and run ./whale again") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            place = error.filename or paths.root
            raise SetupError(f"can't write {place}: be the checkout's owner, or clone where you may write") from error
        raise


def _set_up(paths: CheckoutPaths, kind: SetupKind) -> None:
    for folder in (paths.tools, paths.state):
        folder.mkdir(parents=True, exist_ok=True)
    with _hold_setup_lock(paths):
        if not is_environment_current(paths, kind):
            if not paths.venv.exists():  # going on with a half-made one needs less, by an amount nobody knows
                _check_disk(paths)
            _make_environment(paths, find_uv(paths), kind)
        if not are_tools_current(paths, kind):
            setup = [str(paths.python), "-P", "-m", "whale_platform.toolchain.setup", kind]
            done = subprocess.run(setup, cwd=paths.root, env={**os.environ, "WHALE_TOOLS": str(paths.tools)})
            if done.returncode:  # it has said why
                sys.exit(done.returncode)


def find_uv(paths: CheckoutPaths) -> Path:
    """uv on the path, or in `.tools`, fetched there with pip where needed. Raises SetupError."""
    fetched = paths.root / ".tools" / "bin" / "uv"
    for candidate in (shutil.which("uv"), fetched):
        if candidate is not None and _can_run(candidate, "--version"):
            return Path(candidate)
    folder = fetched.parent.parent
    shutil.rmtree(folder, ignore_errors=True)
    python = Path(sys.executable)
    if not _can_run(python, "-m", "pip", "--version"):
        if not _can_run(python, "-m", "venv", folder / "pip"):
            raise SetupError("neither uv nor pip is here: install one (as python3-pip) and run ./whale again")
        python = folder / "pip" / "bin" / "python"
    pip_install: list[str | Path] = [python, "-m", "pip", "install", "--disable-pip-version-check"]
    tool_runner.run_tool(
        paths, "fetching uv", [*pip_install, "--target", folder, "--require-hashes", "-r", paths.build_lock]
    )
    return fetched


def _make_environment(paths: CheckoutPaths, uv: Path, kind: SetupKind) -> None:
    stamp = read_stamp(paths)
    kind = "dev" if "dev" in (kind, stamp.get("kind")) else "run"
    if paths.venv.is_symlink() and stamp.get("root") != str(paths.root):
        raise SetupError(".venv is a link to another checkout's environment: remove the link and run ./whale again")
    paths.stamp.unlink(missing_ok=True)
    if stamp.get("root") != str(paths.root) or not paths.python.exists():
        shutil.rmtree(paths.venv, ignore_errors=True)
        tool_runner.run_tool(paths, "making .venv", [uv, "venv", "--python", sys.executable, paths.venv])
    lock = paths.lock_file(kind)
    sync: list[str | Path] = [
        uv,
        "pip",
        "sync",
        "--python",
        paths.python,
        "--require-hashes",
        "--build-constraints",
        paths.build_lock,
        lock,
    ]
    tool_runner.run_tool(paths, f"installing the packages of {lock.name} (some 700 MB)", sync)
    for packages in paths.venv.glob("lib/python*/site-packages"):
        (packages / "whale_platform.pth").write_text(f"{paths.root}\n")
    fresh = paths.stamp.with_suffix(".new")
    fresh.write_text(json.dumps({"kind": kind, "root": str(paths.root), "lock": file_digest(lock)}))
    fresh.replace(paths.stamp)


def _check_disk(paths: CheckoutPaths) -> None:
    free = shutil.disk_usage(paths.root).free
    if free < NEEDED_BYTES:
        need = f"{NEEDED_BYTES / 1e9:.1f} GB"
        raise SetupError(f"the set-up needs {need} of disk, {paths.root} has {free / 1e9:.1f} GB free: make room")


def _can_run(*argv: str | Path) -> bool:
    try:
        return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0
    except OSError:
        return False


@contextmanager
def _hold_setup_lock(paths: CheckoutPaths) -> Iterator[None]:
    path = paths.state / "setup.lock"
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        with suppress(OSError):
            os.fchmod(file.fileno(), 0o600)  # whoever can open it can hold it
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tool_runner.report_line("another ./whale is setting up here: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
