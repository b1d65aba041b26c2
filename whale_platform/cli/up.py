"""`whale up`: check, start, follow, and in the foreground stay until Ctrl-C, which stops everything in order."""

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live

from whale_platform import homes
from whale_platform.cli import checks, feed, run, screen, state
from whale_platform.cli.errors import UserError
from whale_platform.cli.logs import tail
from whale_platform.cli.plan import Options, make_plan

if TYPE_CHECKING:
    from whale_platform.settings import Settings

FAILED = 1
TURN_S = 1.0
LINE_S = 10.0
TAIL_LINES = 10


def say(text: str) -> None:
    """Progress goes to stderr, so that stdout stays for answers."""
    print(text, file=sys.stderr, flush=True)


def up(options: Options, detach: bool) -> int:
    """The whole command; returns the exit code."""
    settings = make_plan(options, lambda text: say(f"whale: {text}"))
    checks.prepare_home(settings)
    home = homes.read_home(settings.home)
    assert home is not None
    say(f"whale: {settings.source} in {home.path}: {len(settings.symbols)} symbols of {', '.join(settings.exchanges)}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    supervisor = run.spawn(settings, leashed=not detach)
    try:
        problem = run.await_ready(home, supervisor, say)
        if problem is not None:
            _explain(home, problem)
            if detach or supervisor.poll() is not None:
                return FAILED
        _where(home, settings)
        return 0 if detach else _stay(home, settings, supervisor)
    except KeyboardInterrupt:
        say("whale: stopping")
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        supervisor.send_signal(signal.SIGTERM)
        run.follow_stop(home, supervisor.pid, say)
        supervisor.wait()
        say("whale: stopped")
        return 0


def _explain(home: homes.Home, problem: str) -> None:
    say(f"whale: {problem}")
    name = problem.partition(" ")[0]
    log = home.path / "logs" / f"{name}.log"
    if log.is_file():
        say(f"the last lines of {log}:")
        for line in tail(log, TAIL_LINES):
            say(f"  {line}")
    if state.snapshot(home)["running"]:
        say("whale: what did start is left running: see `whale status`, stop it with `whale down`")


def _where(home: homes.Home, settings: "Settings") -> None:
    now = state.snapshot(home)
    say(f"whale: running in {home.path}")
    for name, url in now["urls"].items():
        say(f"  {name:<9} {url}")
    say(f"  logs      {home.path / 'logs'}")
    if settings.postgres_dsn is None:
        say("  look in with `whale psql`, `whale status`, `whale logs SERVICE`; stop with `whale down`")


def _stay(home: homes.Home, settings: "Settings", supervisor: subprocess.Popen[bytes]) -> int:
    console = Console()
    if console.is_terminal:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while supervisor.poll() is None:
                view = screen.whole(state.snapshot(home), feed.read(settings), console.size.height)
                live.update(view, refresh=True)
                time.sleep(TURN_S)
    else:
        while supervisor.poll() is None:
            print(screen.line(state.snapshot(home), feed.read(settings, 1)), flush=True)
            _nap(supervisor, LINE_S)
    if supervisor.returncode:
        raise UserError(f"the supervisor ended with code {supervisor.returncode}: see {run.supervisor_log(home.path)}")
    return 0


def _nap(supervisor: subprocess.Popen[bytes], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and supervisor.poll() is None:
        time.sleep(0.2)
