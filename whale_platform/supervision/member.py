"""One service under supervision: everything seen and remembered of it, and the acts on it.

Signs of life are counted on the monotonic clock, at the moment a *new* beat or a true check was seen: a wall clock
that is set back or forward neither kills a service nor hides a dead one.
"""

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whale_platform.supervision import beat as beats
from whale_platform.supervision import codes
from whale_platform.supervision.backoff import Run
from whale_platform.supervision.decide import Shown, View
from whale_platform.supervision.logkeeper import LogKeeper, last_line
from whale_platform.supervision.process import ManagedProcess
from whale_platform.supervision.spec import Blocked, Spec

REMEMBERED = 20
UNANSWERED_S = 6.0
PROBE_S = (0.2, 2.0)


@dataclass(slots=True)
class Prepared:
    """What came of a `prepare` running in its thread."""

    done: bool = False
    blocked: bool = False
    error: str | None = None


class Member:
    """State and acts of one service. Only `_probe` and `_prepare` run outside the main thread."""

    def __init__(self, spec: Spec, home: Path, keeper: LogKeeper, clock: Callable[[], float] = time.monotonic) -> None:
        self.spec = spec
        self.process: ManagedProcess | None = None
        self.starts = 0
        self.last_exit: int | None = None
        self._home, self._keeper, self._clock = home, keeper, clock
        self._runs: list[Run] = []
        self._done = False
        self._blocked: str | None = None
        self._reason = ""
        self._prepared: Prepared | None = None
        self._born = 0.0
        self._sign: float | None = None
        self._beat: beats.Beat | None = None
        self._answered: float | None = None

    def look(self) -> None:
        """Take in what has happened since the last look: an exit, a beat, an answer."""
        process = self.process
        if process is None:
            return
        beat = beats.read(self._home, self.spec.name) if self.spec.beats else None
        if beat is not None and beat.pid == process.pid and (self._beat is None or beat.at != self._beat.at):
            self._beat, self._sign = beat, self._clock()
        if self._answered is not None:
            self._sign = max(self._sign or 0.0, self._answered)
        code = process.poll()
        if code is not None:
            self._ended(code)

    def view(self, missing: tuple[str, ...]) -> View:
        """What `decide` is to see, given which needs are not ready."""
        says, detail = self._says()
        return View(
            now=self._clock(),
            alive=self.process is not None,
            says=says,
            detail=detail,
            quiet_until=self._born + self.spec.start_within_s
            if self._sign is None
            else self._sign + self.spec.silent_after_s,
            preparing=self._prepared is not None,
            done=self._done,
            blocked=self._blocked,
            missing=missing,
            retry_at=self._runs[-1].ended + self.spec.backoff.delay(self._runs) if self._runs else 0.0,
            reason=self._reason,
        )

    def begin(self) -> None:
        """Start it, or start preparing it; `go_on` does the rest."""
        self._prepared = Prepared(done=self.spec.prepare is None)
        self._born = self._clock()
        if self.spec.prepare is not None:
            threading.Thread(
                target=self._prepare, args=(self._prepared,), name=f"prepare-{self.spec.name}", daemon=True
            ).start()
        self.go_on()

    def go_on(self) -> None:
        """From prepared to started. Main thread only."""
        prepared = self._prepared
        if prepared is None or not prepared.done:
            return
        self._prepared = None
        if prepared.error is None:
            try:
                self._spawn()
            except (OSError, Blocked) as error:
                prepared.error, prepared.blocked = str(error), isinstance(error, Blocked)
        if prepared.error is not None:
            self._remember(None, prepared.error)
            self._blocked = prepared.error if prepared.blocked else None

    def kill(self, reason: str) -> None:
        """End the process and its group now; it counts as a run that ended."""
        if self.process is not None:
            self.process.end_group()
            self._ended(self.process.poll(), reason)

    def stop(self) -> None:
        """Ask it to end; `look` sees when it has."""
        if self.process is not None:
            self.process.signal(self.spec.stop_signal)
            self.process.signal(signal.SIGCONT)

    def forgive(self) -> None:
        """Forget failures, and success: the next decision is to start."""
        self._runs.clear()
        self._blocked, self._done = None, False

    def excuse_silence(self) -> None:
        """The watcher itself was away: silence until now proves nothing."""
        now = self._clock()
        self._sign = now if self._sign is not None else None
        self._born = now if self._sign is None else self._born

    def published(self, state: Shown, detail: str) -> dict[str, Any]:
        """Its entry in supervisor.json. `started`: epoch seconds, null while not running."""
        process = self.process
        return {
            "state": state,
            "pid": process.pid if process else None,
            "started": process.started if process else None,
            "restarts": max(self.starts - 1, 0),
            "last_exit": self.last_exit,
            "detail": detail,
        }

    def _says(self) -> tuple[Shown, str]:
        if self.spec.beats:
            if self._beat is None:
                return "starting", ""
            known: dict[str, Shown] = {
                "ready": "ready",
                "degraded": "degraded",
                "blocked": "blocked",
                "stopping": "stopped",
            }
            return known.get(self._beat.state, "starting"), self._beat.detail
        if self._answered is None:
            return "starting", ""
        quiet = self._clock() - self._answered
        return ("ready", "") if quiet < UNANSWERED_S else ("degraded", f"has not answered for {quiet:.0f} s")

    def _spawn(self) -> None:
        self._beat, self._sign, self._answered = None, None, None
        self.starts += 1
        self._born = self._clock()
        process = ManagedProcess(
            self.spec.name, self.spec.command(), self.spec.env, self._home, self._keeper.output(self.spec.name)
        )
        self.process = process
        self._keeper.guard(process.pid)
        if self.spec.ready is not None:
            threading.Thread(
                target=self._probe, args=(process, self.spec.ready), name=f"probe-{self.spec.name}", daemon=True
            ).start()

    def _ended(self, code: int | None, reason: str = "") -> None:
        process, self.process = self.process, None
        assert process is not None
        process.end_group()
        self._keeper.release(process.pid)
        self.last_exit = code
        if self.spec.one_shot and code == codes.CLEAN:
            self._done = True
            return
        said = self._beat.detail if self._beat is not None and self._beat.state == "blocked" else ""
        said = said or last_line(self._keeper.path(self.spec.name))
        self._remember(code, reason or f"{exit_text(code)}{': ' if said else ''}{said}")
        if code == codes.BLOCKED:
            self._blocked = said or "needs a person; see its log"

    def _remember(self, code: int | None, reason: str) -> None:
        self._runs = [*self._runs[1 - REMEMBERED :], Run(self._born, self._clock(), code)]
        self._reason = reason

    def _prepare(self, prepared: Prepared) -> None:
        assert self.spec.prepare is not None
        try:
            self.spec.prepare()
        except Exception as error:  # noqa: BLE001 one service's failure to prepare must not end the supervisor
            prepared.error, prepared.blocked = str(error) or type(error).__name__, isinstance(error, Blocked)
        prepared.done = True

    def _probe(self, process: ManagedProcess, ready: Callable[[], bool]) -> None:
        while self.process is process:
            answered = ready()
            if answered and self.process is process:
                self._answered = self._clock()
            time.sleep(PROBE_S[answered])


def exit_text(code: int | None) -> str:
    """`ended with code 1`, `ended by SIGKILL`, …"""
    if code == codes.LEASE_REFUSED:
        return "another process already is this service"
    if code is not None and code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return f"ended with code {code}"
