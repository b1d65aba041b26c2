"""A child process that can't be lost: own session and group, a parent watch on stdin; its whole group ends with it.

Must be started from the supervisor's main thread: the kernel's parent-death signal follows the thread that spawned.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from whale_platform import proxy_bypass
from whale_platform.settings import ROOT
from whale_platform.supervision.processes.log_collector import process_group_exists

GROUP_END_S = 30.0  # a killed process is gone at once where it gets the processor


def child_environment(name: str, home: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of service `name`; `WHALE_SERVICE` and `WHALE_HOME` mark the process as this home's."""
    path = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH", "")) if part)
    own = {"WHALE_LEASH": "stdin", "WHALE_SERVICE": name, "WHALE_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    return {**os.environ, **extra, **proxy_bypass.build_no_proxy(os.environ), "PYTHONPATH": path, **own}


class ManagedProcess:
    """One life of a service."""

    def __init__(self, name: str, argv: Sequence[str], env: Mapping[str, str], home: Path, output: int) -> None:
        """Starts it at once. Raises OSError where the program can't be started."""
        self.name = name
        self._process = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=child_environment(name, home, env),
            cwd=home,
            start_new_session=True,
        )
        self.pid = self._process.pid
        self.started = time.time()

    def poll(self) -> int | None:
        """Exit code, negative for a signal; None while it lives."""
        return self._process.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send one signal to the process itself."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def end_group(self) -> None:
        """Kill whatever is left of the group and wait for it to be gone."""
        deadline, nap_s = time.monotonic() + GROUP_END_S, 0.005
        while time.monotonic() < deadline:
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                break
            except PermissionError:
                self._process.kill()
            self._process.poll()
            if self._process.returncode is not None and not _has_living_process(self.pid):
                break
            nap_s = min(0.2, 2 * nap_s)
            time.sleep(nap_s)
        self._process.poll()
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()


def _has_living_process(group: int) -> bool:
    if not process_group_exists(group):
        return False
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                return True
    return False
