"""The frame around every Python service: settings, log, lease, parent watch, signals, heartbeat, exit code.

A service is a function `main(context) -> exit code` that returns soon after `context.stop` is set. An exception that
escapes it is logged with its traceback and becomes exit code 1, which the supervisor answers with its back-off.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog

from whale_platform import home_mark, proxy_bypass
from whale_platform.settings import Settings
from whale_platform.supervision.errors import LeaseRefusedError
from whale_platform.supervision.processes import parent_watch, stop_signals
from whale_platform.supervision.runtime import exit_codes, log_setup
from whale_platform.supervision.runtime import heartbeat as beats
from whale_platform.supervision.runtime.heartbeat import Heartbeat, ServiceState
from whale_platform.supervision.runtime.lease import Lease
from whale_platform.supervision.runtime.settings_reader import read_settings


@dataclass(slots=True)
class ServiceContext:
    """What a service is given. `stop` is set by SIGTERM, SIGINT or the supervisor's end."""

    settings: Settings
    heartbeat: Heartbeat
    log: Any
    stop: threading.Event = field(default_factory=threading.Event)
    before_heartbeat: Callable[[], None] | None = None

    def report_state(self, state: ServiceState, detail: str = "") -> None:
        """Set state and detail, and write the heartbeat now; a full disk is ignored."""
        if (state, detail) != (self.heartbeat.state, self.heartbeat.detail):
            self.log.info("state", state=state, detail=detail)
        self.heartbeat.state, self.heartbeat.detail = state, detail
        self.write_heartbeat()

    def write_heartbeat(self) -> None:
        """Write the heartbeat now, so that a new measurement need not wait; a full disk is ignored."""
        with contextlib.suppress(OSError):
            beats.write_heartbeat(self.settings.home, self.heartbeat)

    def record_progress(self, loop: str = "main", next_within_s: float = 0.0) -> None:
        """Say that `loop` has come round; to be called by that loop's own thread, at least every few seconds.

        Every loop that was ever named must go on to call: one that does not gets the service killed. Before a call that
        may wait for somebody else, `next_within_s` tells how long that may take.
        """
        if loop not in self.heartbeat.progress:  # no dictionary grows while another thread writes the beat
            self.heartbeat.patience = {**self.heartbeat.patience, loop: 0.0}
            self.heartbeat.progress = {**self.heartbeat.progress, loop: 0}
        self.heartbeat.patience[loop] = next_within_s
        self.heartbeat.progress[loop] += 1

    def report_blocked(self, detail: str) -> int:
        """Say what a person must do; return the exit code that stops the restarts."""
        self.report_state("blocked", detail)
        return exit_codes.BLOCKED


def run_service(name: str, main: Callable[[ServiceContext], int]) -> None:
    """Run `main` as service `name` and exit with its code. Called by `python -m whale_platform.<service>`."""
    proxy_bypass.bypass_proxies()
    settings = read_settings(name)
    log_setup.configure_logging(settings.log_level)
    context = ServiceContext(settings, Heartbeat(name), structlog.get_logger().bind(service=name))
    parent_watch.die_with_parent(signal.SIGTERM)
    lease = Lease(settings.home, name)
    try:
        lease.acquire()
    except LeaseRefusedError as refused:
        context.log.error("lease refused", reason=str(refused))
        sys.exit(exit_codes.LEASE_REFUSED)
    if wrong := home_mark.explain_wrong_source(settings.home, settings.source):
        sys.exit(context.report_blocked(wrong))
    stop_signals.on_stop_signal(context.stop.set)
    parent_watch.on_stdin_eof(context.stop.set)
    ended = threading.Event()
    beater = threading.Thread(target=_write_heartbeats, args=(context, ended), name="beat", daemon=True)
    beater.start()
    context.log.info("started", pid=os.getpid(), source=settings.source)
    try:
        code = main(context)
    except Exception:  # the one place where a service's crash becomes a log line and an exit code
        context.log.exception("crashed")
        code = 1
    ended.set()
    beater.join(2)
    with contextlib.suppress(OSError):  # the last word: a beat under way may have covered it with an older one
        beats.write_heartbeat(settings.home, context.heartbeat)
    context.log.info("ended", code=code)
    lease.release()
    sys.exit(code)


def _write_heartbeats(context: ServiceContext, ended: threading.Event) -> None:
    trouble = ""
    while True:
        try:
            if context.before_heartbeat is not None:
                context.before_heartbeat()
            beats.write_heartbeat(context.settings.home, context.heartbeat)
            trouble = ""
        except Exception as error:  # noqa: BLE001 a disk full for a moment must not end all beats, and so the service
            if str(error) != trouble:
                context.log.warning("no beat", error=f"{type(error).__name__}: {error}")
            trouble = str(error)
        if ended.wait(beats.HEARTBEAT_INTERVAL_S):
            return
