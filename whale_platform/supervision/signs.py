"""Signs of life of one service: its beats, or the answers of the server it is.

Counted on the monotonic clock, at the moment a *new* beat or a true check was seen: a wall clock that is set back or
forward neither kills a service nor hides a dead one.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from whale_platform.supervision import beat as beats
from whale_platform.supervision.decide import Shown
from whale_platform.supervision.process import ManagedProcess
from whale_platform.supervision.spec import Spec

UNANSWERED_S = 6.0
PROBE_S = (0.2, 2.0)
_STATES: dict[str, Shown] = {"ready": "ready", "degraded": "degraded", "blocked": "blocked", "stopping": "stopped"}


class Signs:
    """What is seen of one process, from its start; make a new one for each life. Only `_probe` runs in a thread."""

    def __init__(self, spec: Spec, home: Path, clock: Callable[[], float]) -> None:
        self._spec, self._home, self._clock = spec, home, clock
        self._since = clock()
        self._sign: float | None = None
        self._answered: float | None = None
        self._process: ManagedProcess | None = None
        self.beat: beats.Beat | None = None

    def watch(self, process: ManagedProcess) -> None:
        """Look at `process` from now on."""
        self._process = process
        if self._spec.ready is not None:
            threading.Thread(
                target=self._probe, args=(self._spec.ready,), name=f"probe-{self._spec.name}", daemon=True
            ).start()

    def forget(self) -> None:
        """The process has ended."""
        self._process = None

    def look(self) -> None:
        """Take in a new beat or answer."""
        beat = beats.read(self._home, self._spec.name) if self._spec.beats else None
        ours = beat is not None and self._process is not None and beat.pid == self._process.pid
        if beat is not None and ours and (self.beat is None or beat.at != self.beat.at):
            self.beat, self._sign = beat, self._clock()
        if self._answered is not None:
            self._sign = max(self._sign or 0.0, self._answered)

    def quiet_until(self) -> float:
        """When silence becomes deadly; monotonic seconds."""
        if self._sign is None:
            return self._since + self._spec.start_within_s
        return self._sign + self._spec.silent_after_s

    def excuse_silence(self) -> None:
        """The watcher itself was away: silence until now proves nothing."""
        self._since = self._clock()
        self._sign = self._since if self._sign is not None else None

    def says(self) -> tuple[Shown, str]:
        """The state the service gives itself, or is given by its answers."""
        if self._spec.beats:
            return (
                ("starting", "") if self.beat is None else (_STATES.get(self.beat.state, "starting"), self.beat.detail)
            )
        if self._answered is None:
            return "starting", ""
        quiet = self._clock() - self._answered
        return ("ready", "") if quiet < UNANSWERED_S else ("degraded", f"has not answered for {quiet:.0f} s")

    def _probe(self, ready: Callable[[], bool]) -> None:
        while self._process is not None:
            answered = ready()
            if answered and self._process is not None:
                self._answered = self._clock()
            time.sleep(PROBE_S[answered])
