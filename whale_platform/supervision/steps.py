"""Programs that must run before a service can start (initdb, a format): each takes as long as it works, and no longer.

They end with this process, however it dies, and by `cancel` when it is about to end: none goes on in a home that
somebody else may start meanwhile.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from whale_platform.supervision import leash
from whale_platform.supervision.effort import WINDOW_S, Movement

STILL_S = 300.0
_LOOK_S = 0.2
_cancelled = threading.Event()
_running: set[int] = set()
_lock = threading.Lock()


class StepFailed(Exception):
    """The program was ended before its time; the message says why."""


def run(
    argv: Sequence[str], given: str = "", prefix: Sequence[str] = (), still_s: float = STILL_S
) -> "subprocess.CompletedProcess[str]":
    """Run `argv` to its end, with `given` on its stdin; `prefix`: what becomes another user first.

    Raises StepFailed where it does nothing for `still_s` seconds, or is cancelled.
    """
    name = Path(argv[0]).name
    with _lock:
        if _cancelled.is_set():
            raise StepFailed(f"{name} was not begun, since the platform is about to stop")
        process = subprocess.Popen(
            [*prefix, sys.executable, leash.__file__, "SIGKILL", *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "WHALE_SERVICE": name},  # the mark by which leftovers.py finds it
            start_new_session=True,
        )
        _running.add(process.pid)
    movement, unsaid = Movement((process.pid,), window_s=min(WINDOW_S, still_s / 10)), given or None
    try:
        while True:
            try:
                out, errors = process.communicate(unsaid, timeout=_LOOK_S)
                break
            except subprocess.TimeoutExpired:
                unsaid = None
                movement.look()
                if movement.still_s() >= still_s:
                    raise StepFailed(f"{name} stood still for {still_s:.0f} s and was ended") from None
        if _cancelled.is_set() and process.returncode:
            raise StepFailed(f"{name} was ended, since the platform is about to stop")
        return subprocess.CompletedProcess(argv, process.returncode, out, errors)
    finally:
        with _lock:
            _running.discard(process.pid)
        if process.returncode is None:
            _kill(process.pid)
            process.communicate()


def cancel() -> None:
    """End what runs, and let nothing begin any more in this process."""
    with _lock:
        _cancelled.set()
        for pid in _running:
            _kill(pid)


def _kill(group: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(group, signal.SIGKILL)
