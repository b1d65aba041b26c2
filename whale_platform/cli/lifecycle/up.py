"""`whale up`: check, start, follow, and in the foreground stay until Ctrl-C, which stops everything in order."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live

from whale_platform import homes
from whale_platform.cli.common.errors import UserError
from whale_platform.cli.inspection import recent_rows, screen
from whale_platform.cli.inspection.logs import read_last_lines
from whale_platform.cli.lifecycle import machine_checks, supervisor_process
from whale_platform.cli.lifecycle.start_plan import StartOptions, make_plan
from whale_platform.supervision.control.state_files import SUPERVISOR, read_state
from whale_platform.supervision.processes.log_pipes import read_last_line
from whale_platform.supervision.runtime.lease import find_lease_holder
from whale_platform.topology import home_state

if TYPE_CHECKING:
    from whale_platform.settings import Settings

FAILED = 1
REFRESH_S = 1.0
LINE_S = 10.0
TAIL_LINES = 10
SAME = frozenset({"source", "files", "exchanges", "symbols", "ports"})  # what a second `up` must ask for as well


def print_progress(text: str) -> None:
    """Progress goes to stderr, so that stdout stays for answers."""
    print(text, file=sys.stderr, flush=True)


def run_up(options: StartOptions, detach: bool) -> int:
    """The whole command; returns the exit code. Where the home is at work already, it joins in."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    settings = make_plan(options, lambda text: print_progress(f"whale: {text}"))
    home = homes.read_home(settings.home)
    assert home is not None
    lease = supervisor_process.claim_lease(home, print_progress)
    if lease is None:
        return _join(home, settings, detach)
    try:
        machine_checks.prepare_home(settings, lambda text: print_progress(f"whale: {text}"))
    except BaseException:
        lease.release()
        raise
    print_progress(
        f"whale: {settings.source} in {home.path}: {len(settings.symbols)} symbols of {', '.join(settings.exchanges)}"
    )
    supervisor: subprocess.Popen[bytes] | None = None
    try:
        with _defer_interrupts():
            supervisor = supervisor_process.spawn_supervisor(settings, not detach, lease)
        return _follow(home, settings, supervisor, detach)
    except KeyboardInterrupt:
        if supervisor is None:
            raise
        print_progress("whale: stopping")
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        supervisor.send_signal(signal.SIGTERM)
        supervisor_process.follow_stop(home, supervisor.pid, print_progress)
        supervisor.wait()
        print_progress("whale: stopped")
        return 0


def _follow(home: homes.Home, settings: "Settings", supervisor: "subprocess.Popen[bytes]", detach: bool) -> int:
    def ended() -> str:
        code = supervisor.poll()
        if code == 0:
            return "it was stopped before it was ready"
        return (
            ""
            if code is None
            else f"the supervisor ended: {read_last_line(supervisor_process.supervisor_log_path(home.path)) or code}"
        )

    problem = supervisor_process.await_ready(home, ended, print_progress)
    if problem is not None:
        _report_problem(home, problem)
        if detach or ended():
            return FAILED
    _report_addresses(home, settings)
    if not detach:
        _show_until_stopped(home, settings, lambda: supervisor.poll() is not None)
        if supervisor.returncode:
            log = supervisor_process.supervisor_log_path(home.path)
            raise UserError(f"the supervisor ended with code {supervisor.returncode}: see {log}")
    return 0


def _join(home: homes.Home, settings: "Settings", detach: bool) -> int:
    """Follow what another `up` has started. Raises UserError where it is not what is asked for now."""
    from whale_platform.topology.specs import describe_home

    print_progress(f"whale: pid {find_lease_holder(home.path, SUPERVISOR)} is at work in {home.path}: joining in")
    wanted = {name: value for name, value in describe_home(settings).items() if name in SAME}

    def ended() -> str:
        if (pid := find_lease_holder(home.path, SUPERVISOR)) is None:
            return f"the start that was joined has ended: see {supervisor_process.supervisor_log_path(home.path)}"
        there = read_state(home.path) or {}
        differs = [name for name in wanted if there.get("pid") == pid and there.get(name) != wanted[name]]
        if differs:
            raise UserError(
                f"already running: pid {pid} in {home.path}, with other {' and '.join(differs)}; see `whale status`, "
                "stop it with `whale down`"
            )
        return ""

    try:
        problem = supervisor_process.await_ready(home, ended, print_progress)
        if problem is not None:
            _report_problem(home, problem)
            return FAILED
        _report_addresses(home, settings)
        if not detach:
            _show_until_stopped(home, settings, lambda: find_lease_holder(home.path, SUPERVISOR) is None)
    except KeyboardInterrupt:
        print_progress("whale: left running, since another command has started it; stop it with `whale down`")
    return 0


@contextmanager
def _defer_interrupts() -> Iterator[None]:
    """A Ctrl-C or SIGTERM waits until the block knows its child, which is not to be born with signals blocked."""
    asked: list[int] = []
    before = {number: signal.signal(number, lambda *_: asked.append(1)) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if asked:
        signal.raise_signal(signal.SIGINT)


def _report_problem(home: homes.Home, problem: str) -> None:
    print_progress(f"whale: {problem}")
    name = problem.partition(" ")[0]
    log = home.path / "logs" / f"{name}.log"
    if log.is_file():
        print_progress(f"the last lines of {log}:")
        for line in read_last_lines(log, TAIL_LINES):
            print_progress(f"  {line}")
    if home_state.take_snapshot(home)["running"]:
        print_progress("whale: what did start is left running: see `whale status`, stop it with `whale down`")


def _report_addresses(home: homes.Home, settings: "Settings") -> None:
    now = home_state.take_snapshot(home)
    print_progress(f"whale: running in {home.path}")
    for name, url in now["urls"].items():
        print_progress(f"  {name:<9} {url}")
    print_progress(f"  logs      {home.path / 'logs'}")
    if settings.postgres_dsn is None:
        print_progress("  look in with `whale psql`, `whale status`, `whale logs SERVICE`; stop with `whale down`")


def _show_until_stopped(home: homes.Home, settings: "Settings", has_ended: Callable[[], bool]) -> None:
    console = Console()
    if console.is_terminal:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while not has_ended():
                view = screen.render_screen(
                    home_state.take_snapshot(home), recent_rows.load_recent_rows(settings), console.size.height
                )
                live.update(view, refresh=True)
                time.sleep(REFRESH_S)
        return
    while not has_ended():
        print(screen.render_line(home_state.take_snapshot(home), recent_rows.load_recent_rows(settings, 1)), flush=True)
        until = time.monotonic() + LINE_S
        while time.monotonic() < until and not has_ended():
            time.sleep(0.2)
