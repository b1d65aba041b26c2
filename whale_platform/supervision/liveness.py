"""Signs of life of one service: its loops that advance by its heartbeat, or the responses of a server.

Counted on the monotonic clock, at the moment a *new* count or a true check was seen: a wall clock that is set back or
forward neither kills a service nor hides a dead one. What its processes do is looked at during its start, and once it
has been silent for a while.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from whale_platform.supervision.policy.restart_policy import (
    LoopSilence,
    ShownState,
    explain_hang,
    explain_stuck_start,
)
from whale_platform.supervision.policy.service_spec import ServiceSpec
from whale_platform.supervision.processes.managed_process import ManagedProcess
from whale_platform.supervision.processes.process_activity import (
    SAMPLE_WINDOW_S,
    ActivityMeter,
    ActivityTracker,
    ProcessActivity,
)
from whale_platform.supervision.runtime import heartbeat as beats

UNRESPONSIVE_S = 30.0  # more than a probe may take, and the pause after it
PROBE_S = (0.2, 2.0)
_STATES: dict[str, ShownState] = {"ready": "ready", "degraded": "degraded", "blocked": "blocked", "stopping": "stopped"}


class ServiceLiveness:
    """What is seen of one process, from its start; make a new one for each life. Only `_probe` runs in a thread."""

    def __init__(self, spec: ServiceSpec, home: Path, clock: Callable[[], float]) -> None:
        self._spec, self._home, self._clock = spec, home, clock
        self._answered: float | None = None
        self._process: ManagedProcess | None = None
        self._start: ActivityTracker | None = None
        self._progress_at = clock()
        self._started_at: float | None = None
        self._loops: dict[str, _Loop] = {}
        self.heartbeat: beats.Heartbeat | None = None

    def observe(self, process: ManagedProcess) -> None:
        """Look at `process` from now on."""
        self._process = process
        window_s = min(SAMPLE_WINDOW_S, self._spec.idle_limit_s / 10)
        self._start = ActivityTracker((process.pid,), self._read_output_token, window_s, self._clock)
        if self._spec.is_ready is not None:
            threading.Thread(
                target=self._probe, args=(self._spec.is_ready,), name=f"probe-{self._spec.name}", daemon=True
            ).start()

    def stop_observing(self) -> None:
        """The process has ended."""
        self._process = None

    def refresh(self) -> None:
        """Take in a new beat or answer, and what the processes do where that is asked."""
        if self._process is None:
            return
        beat = beats.read_heartbeat(self._home, self._spec.name) if self._spec.has_heartbeat else None
        if beat is not None and beat.pid == self._process.pid:
            self.heartbeat = beat
            for name, count in beat.progress.items():
                self._ensure_loop(name).record(count, self._clock(), beat.patience.get(name, 0.0))
        if self._answered is not None:
            self._ensure_loop("").record(self._answered, self._answered)
        if self._started_at is None and self.reported_state()[0] != "starting":
            self._started_at = self._clock()
        if self._started_at is None:
            if self._start is not None:
                self._start.refresh()
            return
        if not self._loops:
            self._ensure_loop("main")
        for loop in self._loops.values():
            loop.measure(self._process.pid, self._measure_silence_s(loop), self._spec.silent_after_s)

    def hang_reason(self) -> str:
        """Why the process must be ended, in words; empty where it need not be."""
        if self._process is None or self._start is None:
            return ""
        if self._started_at is None:
            progress_s = self._clock() - max([self._progress_at, *(loop.at for loop in self._loops.values())])
            return explain_stuck_start(
                self._start.activity,
                self._start.idle_s(),
                progress_s,
                self._start.cpu_since_output_s(),
                self._spec.idle_limit_s,
            )
        silences = (
            LoopSilence(
                f"its loop {name!r}" if name else "it",
                self._measure_silence_s(loop),
                self._spec.silent_after_s,
                loop.limit_s,
                self._spec.loops_after_cpu_s,
                loop.activity,
            )
            for name, loop in self._loops.items()
        )
        return next(filter(None, map(explain_hang, silences)), "")

    @property
    def started_at(self) -> float | None:
        """When it was first seen to have started, on the clock's seconds; a life is counted from then."""
        return self._started_at

    def idle_s(self) -> float | None:
        """For how long its start has not moved, seconds; None once it has started."""
        if self._process is None or self._start is None or self._started_at is not None:
            return None
        return self._start.idle_s()

    def reset_silence(self) -> None:
        """The watcher itself was not running: silence until now proves nothing."""
        now = self._clock()
        self._progress_at = now
        for loop in self._loops.values():
            loop.reset(now)
        if self._start is not None:
            self._start.reset()

    def reported_state(self) -> tuple[ShownState, str]:
        """The state the service gives itself, or is given by its answers."""
        if self._spec.has_heartbeat:
            beat = self.heartbeat
            return ("starting", "") if beat is None else (_STATES.get(beat.state, "starting"), beat.detail)
        if self._answered is None:
            return "starting", ""
        quiet = self._clock() - self._answered
        return ("ready", "") if quiet < UNRESPONSIVE_S else ("degraded", f"has not answered for {quiet:.0f} s")

    def _ensure_loop(self, name: str) -> "_Loop":
        return self._loops.setdefault(name, _Loop(self._clock))

    def _measure_silence_s(self, loop: "_Loop") -> float:
        return self._clock() - max(loop.at, self._started_at or 0.0)

    def _read_output_token(self) -> object:
        try:
            size = (self._home / "logs" / f"{self._spec.name}.log").stat().st_size
        except OSError:
            size = 0
        return size, self.heartbeat and (self.heartbeat.state, self.heartbeat.detail)

    def _probe(self, ready: Callable[[], bool | None]) -> None:
        while self._process is not None:
            answered = ready()  # None: it could not be asked, which proves nothing
            if (answered or (answered is None and self._answered is not None)) and self._process is not None:
                self._answered = self._clock()
            time.sleep(PROBE_S[bool(answered)])


class _Loop:
    """One loop of a service: when it last came round, and what the processes have done since it should have."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.at = clock()
        self._clock = clock
        self.limit_s = 0.0
        self.activity = ProcessActivity()
        self._count: float | None = None
        self._meter: ActivityMeter | None = None
        self._read_at = 0.0

    def record(self, count: float, at: float, limit_s: float = 0.0) -> None:
        """It stands at `count`, by a beat seen at `at`."""
        if count != self._count:
            self._count, self.at, self.limit_s = count, at, limit_s
            self._meter, self.activity = None, ProcessActivity()

    def reset(self, now: float) -> None:
        """Nothing is known of the time until now."""
        self.at, self._meter, self.activity = now, None, ProcessActivity()

    def measure(self, pid: int, silence_s: float, allowed_s: float) -> None:
        """Look at the processes where the silence has lasted for a third of what is allowed."""
        if silence_s < allowed_s / 3:
            return
        if self._meter is None:
            self._meter = ActivityMeter((pid,), self._clock)
        elif self._clock() - self._read_at >= min(1.0, allowed_s / 12):
            self.activity, self._read_at = self._meter.read(), self._clock()
