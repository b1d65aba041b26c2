"""Starting and stopping the supervisor as a process of its own, and following what it says meanwhile."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whale_platform.cli import state
from whale_platform.cli.errors import UserError
from whale_platform.homes import Home
from whale_platform.supervision import lease
from whale_platform.supervision.logkeeper import last_line
from whale_platform.supervision.published import SUPERVISOR
from whale_platform.version import ROOT

if TYPE_CHECKING:
    from whale_platform.settings import Settings

READY_WITHIN_S = 180.0
STOP_WITHIN_S = 60.0
LOG_LIMIT = 5_000_000
Say = Callable[[str], None]


def supervisor_log(home: Path) -> Path:
    """Where the supervisor itself writes."""
    return home / "logs" / f"{SUPERVISOR}.log"


def spawn(settings: "Settings", leashed: bool) -> subprocess.Popen[bytes]:
    """Start the supervisor; `leashed`: it stops everything when this process ends."""
    log = supervisor_log(settings.home)
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_name(f"{log.name}.1"))
    path = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH", "")) if part)
    env = {**os.environ, **settings.environment(), "PYTHONPATH": path, "WHALE_LEASH": "stdin" if leashed else ""}
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "whale_platform.services"],
            stdin=subprocess.PIPE if leashed else subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=env,
            cwd=settings.home,
            start_new_session=True,
        )


def await_ready(
    home: Home, supervisor: subprocess.Popen[bytes], say: Say, within_s: float = READY_WITHIN_S
) -> str | None:
    """Follow the start, a line per service; None once all are ready, else why they are not, for a person."""
    begun = time.monotonic()
    shown: dict[str, set[str]] = {}
    while time.monotonic() - begun < within_s:
        if supervisor.poll() is not None:
            return f"the supervisor ended: {last_line(supervisor_log(home.path)) or 'without a word'}"
        now = state.snapshot(home)
        for name, service in now["services"].items() if now["running"] else ():
            if service["state"] not in ("starting", "waiting", *shown.get(name, ())):
                took = f"{time.monotonic() - begun:5.1f} s"
                say(f"  {name:<10} {service['state']:<9} {took}  {service['detail']}".rstrip())
                shown.setdefault(name, set()).add(service["state"])
            if service["state"] == "blocked":
                return f"{name} is blocked: {service['detail']}"
        if state.exit_code(now) == state.ALL_READY:
            return None
        time.sleep(0.1)
    late = [
        f"{name} ({service['detail'] or service['state']})"
        for name, service in state.snapshot(home)["services"].items()
        if service["state"] not in state.WORKS
    ]
    return f"not ready after {within_s:.0f} s: {', '.join(late)}"


def stop(home: Home, say: Say) -> bool:
    """Stop the home's supervisor and all it runs, a line per service; False where none runs.

    Raises UserError where it does not end within a minute.
    """
    pid = lease.holder(home.path, SUPERVISOR)
    if pid is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGCONT)
    follow_stop(home, pid, say)
    return True


def follow_stop(home: Home, pid: int, say: Say) -> None:
    """Until the supervisor `pid` has let go of the home. Raises UserError after a minute."""
    deadline = time.monotonic() + STOP_WITHIN_S
    gone: set[str] = set()
    running = {name for name, service in _services(home).items() if service["pid"] is not None}
    while time.monotonic() < deadline:
        held = lease.holder(home.path, SUPERVISOR) == pid
        for name, service in reversed(_services(home).items()):
            if name in running and name not in gone and service["state"] == "stopped":
                gone.add(name)
                say(f"  {name:<10} stopped")
        if not held:
            return
        time.sleep(0.05)
    raise UserError(f"pid {pid} has not stopped after {STOP_WITHIN_S:.0f} s: see {supervisor_log(home.path)}")


def _services(home: Home) -> dict[str, dict[str, Any]]:
    return dict(state.snapshot(home)["services"])
