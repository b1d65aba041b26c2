"""Starts and stops the supervisor as a process of its own, and follows what it reports meanwhile."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whale_platform.cli.common.errors import UserError
from whale_platform.cli.lifecycle.progress_watch import ProgressWatch
from whale_platform.homes import Home
from whale_platform.supervision.control.state_files import SUPERVISOR, list_working_parts
from whale_platform.supervision.errors import LeaseRefusedError
from whale_platform.supervision.runtime import lease
from whale_platform.supervision.runtime.lease import HANDED_LEASE, Lease
from whale_platform.topology import home_state
from whale_platform.version import ROOT

if TYPE_CHECKING:
    from whale_platform.settings import Settings

LOOK_S = 0.25  # a look costs milliseconds, which a starved machine does not have
LOG_LIMIT = 5_000_000
Say = Callable[[str], None]


def supervisor_log_path(home: Path) -> Path:
    """Where the supervisor itself writes."""
    return home / "logs" / f"{SUPERVISOR}.log"


def claim_lease(home: Home, write_line: Say) -> Lease | None:
    """The home's lease; None where a supervisor, or another `up`, is at work there and not about to end.

    One that is about to end is waited for. Raises UserError where that takes for ever, or containers are at work.
    """
    refuse_containers(home)
    mine = Lease(home.path, SUPERVISOR)
    while True:
        try:
            mine.acquire()
            return mine
        except LeaseRefusedError:
            now = home_state.take_snapshot(home)
        if now["stopping"]:
            write_line(f"whale: waiting for pid {now['supervisor']['pid']}, which stops what ran in {home.path}")
            follow_stop(home, now["supervisor"]["pid"], write_line)
        elif now["running"]:
            return None


def refuse_containers(home: Home) -> None:
    """Raises UserError where the home's services are containers, which the engine starts and stops."""
    if names := list_working_parts(home.path):
        raise UserError(
            f"{', '.join(names)} of {home.path} are containers: `docker compose --profile platform up -d` starts them "
            "where the engine is, `stop` stops them; `whale restart NAME` works here"
        )


def spawn_supervisor(settings: "Settings", ends_with_parent: bool, lease: Lease) -> subprocess.Popen[bytes]:
    """Start the supervisor, which gets the home's `lease`; `ends_with_parent`: it stops everything when this process
    ends."""
    log = supervisor_log_path(settings.home)
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_name(f"{log.name}.1"))
    path = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH", "")) if part)
    more = {"PYTHONPATH": path, "WHALE_LEASH": "stdin" if ends_with_parent else "", HANDED_LEASE: str(lease.fileno())}
    with log.open("ab") as output:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "whale_platform.topology"],
            stdin=subprocess.PIPE if ends_with_parent else subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **settings.environment(), **more},
            cwd=settings.home,
            start_new_session=True,
            pass_fds=(lease.fileno(),),
        )
    lease.hand_over(supervisor.pid)
    return supervisor


def await_ready(home: Home, explain_end: Callable[[], str], write_line: Say) -> str | None:
    """Follow the start, as long as it gets on; None once all are ready, else why they are not, for a person.

    A line for each service that has a new state, and every ten seconds one for each that is not ready yet.
    `explain_end` returns why there is no supervisor any more, and nothing while there is one.
    """
    waiting = ProgressWatch(home)
    shown: dict[str, set[str]] = {}
    while True:
        if gone := explain_end():
            return gone
        now = home_state.take_snapshot(home)
        for name, service in now["services"].items() if now["running"] else ():
            if service["state"] not in ("starting", "waiting", *shown.get(name, ())):
                took = f"{waiting.elapsed_s():5.1f} s"
                write_line(f"  {name:<10} {service['state']:<9} {took}  {service['detail']}".rstrip())
                shown.setdefault(name, set()).add(service["state"])
            if service["state"] == "blocked":
                return f"{name} is blocked: {service['detail']}"
        if home_state.status_exit_code(now) == home_state.ALL_READY:
            return None
        if why := waiting.hopeless_reason(now):
            return why
        if waiting.is_report_due():
            for line in waiting.describe_pending(now) or [
                f"the supervisor to {'stop' if now['stopping'] else 'start'}"
            ]:
                write_line(f"  waiting for {line}")
        time.sleep(LOOK_S)


def stop_supervisor(home: Home, write_line: Say) -> bool:
    """Stop the home's supervisor and all it runs, a line per service; False where none runs.

    Raises UserError where it does not get on with it.
    """
    refuse_containers(home)
    pids: set[int] = set()
    while (pid := lease.find_lease_holder(home.path, SUPERVISOR)) is not None and (not pids or _parent(pid) in pids):
        pids.add(pid)  # first an `up` that only prepares, perhaps, then the supervisor that it has just started
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
            os.kill(pid, signal.SIGCONT)
        follow_stop(home, pid, write_line)
    return bool(pids)


def follow_stop(home: Home, pid: int, write_line: Say) -> None:
    """Wait until the supervisor `pid` has released the home. Raises UserError where nothing moves for long."""
    waiting, gone = ProgressWatch(home), set[str]()
    running = {name for name, service in _read_services(home).items() if service["pid"] is not None}
    while True:
        held = lease.find_lease_holder(home.path, SUPERVISOR) == pid
        now = home_state.take_snapshot(home)
        for name, service in reversed(now["services"].items()):
            if name in running and name not in gone and service["state"] == "stopped":
                gone.add(name)
                write_line(f"  {name:<10} stopped")
        if not held:
            return
        if waiting.hopeless_reason(now):
            raise UserError(f"pid {pid} does not stop: see {supervisor_log_path(home.path)}")
        if waiting.is_report_due():
            left = [name for name in running if name not in gone]
            write_line(f"  waiting for {', '.join(left) or f'pid {pid}'} to stop")
        time.sleep(0.05)


def _parent(pid: int) -> int | None:
    import psutil

    try:
        return psutil.Process(pid).ppid()
    except psutil.NoSuchProcess:
        return None


def _read_services(home: Home) -> dict[str, dict[str, Any]]:
    return dict(home_state.take_snapshot(home)["services"])
