"""Programs that must run before a service can start (initdb, a format): each may take as long as it is active.

They end with this process, however it dies, and by `cancel_programs` when it is about to end: none goes on in a home
that another supervisor may start meanwhile. Each has a session of its own, of this process's priority.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from whale_platform.supervision.errors import SetupProgramError
from whale_platform.supervision.processes import parent_watch, priority
from whale_platform.supervision.processes.process_activity import SAMPLE_WINDOW_S, ActivityTracker

IDLE_LIMIT_S = 300.0
_LOOK_S = 0.2
_cancelled = threading.Event()
_running: set[int] = set()
_lock = threading.Lock()


def run_program(
    argv: Sequence[str], stdin_text: str = "", prefix: Sequence[str] = (), idle_limit_s: float = IDLE_LIMIT_S
) -> "subprocess.CompletedProcess[str]":
    """Run `argv` to its end, with `stdin_text` on its stdin; `prefix`: what becomes another user first.

    Raises SetupProgramError where it does nothing for `idle_limit_s` seconds, or is cancelled.
    """
    pipe = subprocess.PIPE
    with _start_program(argv, prefix, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        tracker, unsaid = _track_activity(process, lambda: None, idle_limit_s), stdin_text or None
        while True:
            try:
                out, errors = process.communicate(unsaid, timeout=_LOOK_S)
                break
            except subprocess.TimeoutExpired:
                unsaid = None
                _check_activity(tracker, argv, idle_limit_s)
        if _cancelled.is_set() and process.returncode:
            raise SetupProgramError(f"{Path(argv[0]).name} was ended, since the platform is about to stop")
        return subprocess.CompletedProcess(argv, process.returncode, out, errors)


def run_fetcher(
    argv: Sequence[str], log: IO[str], folder: Path, idle_limit_s: float = IDLE_LIMIT_S, **popen_options: Any
) -> int:
    """Run a program that fetches files into `folder`, its output in `log`; its exit code. `popen_options`: see Popen.

    Raises SetupProgramError where it does nothing and nothing comes for `idle_limit_s` seconds.
    """
    with _start_program(argv, (), stdin=subprocess.DEVNULL, stdout=log, stderr=log, **popen_options) as process:
        tracker = _track_activity(process, lambda: _measure_size(folder), idle_limit_s)
        while True:
            try:
                return process.wait(_LOOK_S)
            except subprocess.TimeoutExpired:
                _check_activity(tracker, argv, idle_limit_s)


@contextmanager
def _start_program(
    argv: Sequence[str], prefix: Sequence[str], **popen_options: Any
) -> "Iterator[subprocess.Popen[str]]":
    name = Path(argv[0]).name
    with _lock:
        if _cancelled.is_set():
            raise SetupProgramError(f"{name} was not begun, since the platform is about to stop")
        popen_options.setdefault("env", {**os.environ, "WHALE_SERVICE": name})  # the mark by which orphans.py finds it
        leashed = [*prefix, sys.executable, parent_watch.__file__, "SIGKILL", *argv]
        process = subprocess.Popen(leashed, text=True, start_new_session=True, **popen_options)
        _running.add(process.pid)
    priority.lower_group_priority(process.pid, os.nice(0))
    try:
        yield process
    finally:
        with _lock:
            _running.discard(process.pid)
        if process.returncode is None:
            _kill(process.pid)
            process.communicate()


def _track_activity(
    process: "subprocess.Popen[str]", token: Callable[[], object], idle_limit_s: float
) -> ActivityTracker:
    return ActivityTracker((process.pid,), token, min(SAMPLE_WINDOW_S, idle_limit_s / 10))


def _check_activity(tracker: ActivityTracker, argv: Sequence[str], idle_limit_s: float) -> None:
    tracker.refresh()
    if tracker.idle_s() >= idle_limit_s:
        raise SetupProgramError(f"{Path(argv[0]).name} stood still for {idle_limit_s:.0f} s and was ended")


def _measure_size(folder: Path) -> int:
    size = 0
    for file in folder.rglob("*"):
        with contextlib.suppress(OSError):
            size += file.lstat().st_size
    return size


def cancel_programs() -> None:
    """End what runs, and let nothing begin any more in this process."""
    with _lock:
        _cancelled.set()
        for pid in _running:
            _kill(pid)


def _kill(group: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(group, signal.SIGKILL)
