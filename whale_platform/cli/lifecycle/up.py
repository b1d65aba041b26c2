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
from whale_platform.cli.inspection.logs import tail
from whale_platform.cli.lifecycle import machine_checks, supervisor_process
from whale_platform.cli.lifecycle.start_plan import Options, make_plan
from whale_platform.supervision.control.state_files import SUPERVISOR, read_state
from whale_platform.supervision.processes.log_pipes import last_line
from whale_platform.supervision.runtime.lease import holder
from whale_platform.topology import home_state

if TYPE_CHECKING:
    from whale_platform.settings import Settings

FAILED = 1
TURN_S = 1.0
LINE_S = 10.0
TAIL_LINES = 10
SAME = frozenset({"source", "files", "exchanges", "symbols", "ports"})  # what a second `up` must ask for as well


def say(text: str) -> None:
    """Progress goes to stderr, so that stdout stays for answers."""
    print(text, file=sys.stderr, flush=True)


def up(options: Options, detach: bool) -> int:
    """The whole command; returns the exit code. Where the home is at work already, it joins in."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    settings = make_plan(options, lambda text: say(f"whale: {text}"))
    home = homes.read_home(settings.home)
    assert home is not None
    lease = supervisor_process.claim(home, say)
    if lease is None:
        return _join(home, settings, detach)
    try:
        machine_checks.prepare_home(settings, lambda text: say(f"whale: {text}"))
    except BaseException:
        lease.release()
        raise
    say(f"whale: {settings.source} in {home.path}: {len(settings.symbols)} symbols of {', '.join(settings.exchanges)}")
    supervisor: subprocess.Popen[bytes] | None = None
    try:
        with _no_interrupt():
            supervisor = supervisor_process.spawn(settings, not detach, lease)
        return _follow(home, settings, supervisor, detach)
    except KeyboardInterrupt:
        if supervisor is None:
            raise
        say("whale: stopping")
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        supervisor.send_signal(signal.SIGTERM)
        supervisor_process.follow_stop(home, supervisor.pid, say)
        supervisor.wait()
        say("whale: stopped")
        return 0


def _follow(home: homes.Home, settings: "Settings", supervisor: "subprocess.Popen[bytes]", detach: bool) -> int:
    def ended() -> str:
        code = supervisor.poll()
        if code == 0:
            return "it was stopped before it was ready"
        return (
            ""
            if code is None
            else f"the supervisor ended: {last_line(supervisor_process.supervisor_log(home.path)) or code}"
        )

    problem = supervisor_process.await_ready(home, ended, say)
    if problem is not None:
        _explain(home, problem)
        if detach or ended():
            return FAILED
    _where(home, settings)
    if not detach:
        _stay(home, settings, lambda: supervisor.poll() is not None)
        if supervisor.returncode:
            log = supervisor_process.supervisor_log(home.path)
            raise UserError(f"the supervisor ended with code {supervisor.returncode}: see {log}")
    return 0


def _join(home: homes.Home, settings: "Settings", detach: bool) -> int:
    """Follow what another `up` has started. Raises UserError where it is not what is asked for now."""
    from whale_platform.topology.specs import about

    say(f"whale: pid {holder(home.path, SUPERVISOR)} is at work in {home.path}: joining in")
    wanted = {name: value for name, value in about(settings).items() if name in SAME}

    def ended() -> str:
        if (pid := holder(home.path, SUPERVISOR)) is None:
            return f"the start that was joined has ended: see {supervisor_process.supervisor_log(home.path)}"
        there = read_state(home.path) or {}
        differs = [name for name in wanted if there.get("pid") == pid and there.get(name) != wanted[name]]
        if differs:
            raise UserError(
                f"already running: pid {pid} in {home.path}, with other {' and '.join(differs)}; see `whale status`, "
                "stop it with `whale down`"
            )
        return ""

    try:
        problem = supervisor_process.await_ready(home, ended, say)
        if problem is not None:
            _explain(home, problem)
            return FAILED
        _where(home, settings)
        if not detach:
            _stay(home, settings, lambda: holder(home.path, SUPERVISOR) is None)
    except KeyboardInterrupt:
        say("whale: left running, since another command has started it; stop it with `whale down`")
    return 0


@contextmanager
def _no_interrupt() -> Iterator[None]:
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


def _explain(home: homes.Home, problem: str) -> None:
    say(f"whale: {problem}")
    name = problem.partition(" ")[0]
    log = home.path / "logs" / f"{name}.log"
    if log.is_file():
        say(f"the last lines of {log}:")
        for line in tail(log, TAIL_LINES):
            say(f"  {line}")
    if home_state.snapshot(home)["running"]:
        say("whale: what did start is left running: see `whale status`, stop it with `whale down`")


def _where(home: homes.Home, settings: "Settings") -> None:
    now = home_state.snapshot(home)
    say(f"whale: running in {home.path}")
    for name, url in now["urls"].items():
        say(f"  {name:<9} {url}")
    say(f"  logs      {home.path / 'logs'}")
    if settings.postgres_dsn is None:
        say("  look in with `whale psql`, `whale status`, `whale logs SERVICE`; stop with `whale down`")


def _stay(home: homes.Home, settings: "Settings", over: Callable[[], bool]) -> None:
    console = Console()
    if console.is_terminal:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while not over():
                view = screen.whole(home_state.snapshot(home), recent_rows.read(settings), console.size.height)
                live.update(view, refresh=True)
                time.sleep(TURN_S)
        return
    while not over():
        print(screen.line(home_state.snapshot(home), recent_rows.read(settings, 1)), flush=True)
        until = time.monotonic() + LINE_S
        while time.monotonic() < until and not over():
            time.sleep(0.2)
