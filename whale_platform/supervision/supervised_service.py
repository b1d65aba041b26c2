"""One service under supervision: the acts on it. Its signs of life: liveness.py; its past lives: run_history.py."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from whale_platform.supervision.errors import ServiceBlockedError
from whale_platform.supervision.liveness import ServiceLiveness
from whale_platform.supervision.policy.backoff import ServiceLifetime
from whale_platform.supervision.policy.restart_policy import (
    WORKING_STATES,
    KeepState,
    KillService,
    ServiceView,
    ShownState,
    StartService,
    decide_restart,
)
from whale_platform.supervision.policy.run_history import RunHistory
from whale_platform.supervision.policy.service_spec import ServiceSpec
from whale_platform.supervision.preparation import ServicePreparation
from whale_platform.supervision.processes import priority
from whale_platform.supervision.processes.log_pipes import LogPipes, read_last_line
from whale_platform.supervision.processes.managed_process import ManagedProcess
from whale_platform.supervision.processes.termination import TerminationWait
from whale_platform.supervision.runtime import exit_codes


class SupervisedService:
    """State and acts of one service. All in the supervisor's main thread, but for `spec.prepare`."""

    def __init__(
        self, spec: ServiceSpec, home: Path, log_pipes: LogPipes, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.spec = spec
        self.process: ManagedProcess | None = None
        self.starts = 0
        self.last_exit: int | None = None
        self._home, self._log_pipes, self._clock = home, log_pipes, clock
        self._history = RunHistory(spec.backoff)
        self._prepared: ServicePreparation | None = None
        self._liveness = ServiceLiveness(spec, home, clock)
        self._restarting: TerminationWait | None = None
        self._priority_lowered = False

    @property
    def short_lives(self) -> int:
        """How many of the last lives in a row were short."""
        return self._history.short_lives

    def refresh(self) -> None:
        """Take in what has happened since the last look: an exit, a beat, an answer."""
        process = self.process
        if process is None:
            return
        self._liveness.refresh()
        if self.spec.nice and not self._priority_lowered and self._liveness.reported_state()[0] in WORKING_STATES:
            self._priority_lowered = True
            priority.lower_group_priority(process.pid, self.spec.nice)
        code = process.poll()
        if code is not None:
            self._record_exit(code)

    def build_view(self, missing: tuple[str, ...]) -> ServiceView:
        """What `decide_restart` is to see, given which needs are not ready."""
        says, detail = self._liveness.reported_state()
        return ServiceView(
            now=self._clock(),
            alive=self.process is not None,
            reported=says,
            detail=detail,
            hang_reason=self._liveness.hang_reason(),
            preparing=self._prepared is not None,
            completed=self._history.done,
            blocked=self._history.blocked,
            missing=missing,
            retry_at=self._history.retry_at,
            reason=self._history.reason,
        )

    def start(self) -> None:
        """Start it, or start preparing it; `continue_start` does the rest."""
        self._prepared = ServicePreparation(self.spec)
        self.continue_start()

    def continue_start(self) -> None:
        """From prepared to started."""
        prepared = self._prepared
        if prepared is None or not prepared.done:
            return
        self._prepared = None
        failure = prepared.error
        if failure is None:
            try:
                self._spawn()
            except (OSError, ServiceBlockedError) as error:
                failure = error
        if failure is not None:
            now = self._clock()
            self._history.record_failed_start(ServiceLifetime(now, now, None), failure)

    def kill(self, reason: str) -> None:
        """End the process now, and its group; it counts as a run that ended."""
        if self.process is not None:
            self.process.end_group()
            self._record_exit(self.process.poll(), reason)

    def step(self, missing: tuple[str, ...] = ()) -> tuple[ShownState, str]:
        """Decide and act once; returns what to show of it and why."""
        if self._restarting is not None:
            return self._continue_restart(self._restarting)
        self.continue_start()
        match decide_restart(self.build_view(missing)):
            case StartService():
                self.start()
                return "starting", ""
            case KillService(reason):
                self.kill(reason)
                return "backoff", reason
            case KeepState(state, detail):
                return state, detail

    def restart(self) -> None:
        """Stop it and start it again, and reset its failures and what it was blocked by; `step` does the rest."""
        self._restarting = self._build_termination_wait()
        self.stop()

    def stop(self) -> None:
        """Ask it to end; `refresh` sees when it has."""
        if self.process is not None:
            self.process.signal(self.spec.stop_signal)
            self.process.signal(signal.SIGCONT)

    def stop_as_desired(self) -> bool:
        """Instead of `step`, as long as it is not wanted: stop it; whether it has ended. Its failures are forgiven."""
        if self.process is not None and self._restarting is None:
            self.restart()
        if self._restarting is not None:
            self._continue_restart(self._restarting)
        elif self.process is None:
            self._history.reset()
        return self.process is None

    def stop_for_good(self, on_wait: Callable[[], None] = lambda: None) -> None:
        """Stop it for good; killed after its grace. `on_wait` is called often."""
        self.stop()
        ending = self._build_termination_wait()
        while self.process is not None:
            if why := ending.give_up_reason():
                self.kill(why)
                break
            self._wait_one_turn(on_wait)

    def reset_silence(self) -> None:
        """The watcher itself was not running: silence until now proves nothing."""
        self._liveness.reset_silence()

    def status_entry(self, state: ShownState, detail: str) -> dict[str, Any]:
        """Its entry in supervisor.json. `started`: epoch seconds, null while not running; `still_s`: for how long its
        start has done nothing, null while it is not starting."""
        process = self.process
        return {
            "state": state,
            "pid": process.pid if process else None,
            "started": process.started if process else None,
            "restarts": max(self.starts - 1, 0),
            "last_exit": self.last_exit,
            "detail": detail,
            "still_s": self._liveness.idle_s(),
        }

    def _wait_one_turn(self, on_wait: Callable[[], None]) -> None:
        time.sleep(0.02)
        self.refresh()
        on_wait()

    def _build_termination_wait(self) -> TerminationWait:
        roots = () if self.process is None else (self.process.pid,)
        log = self._log_pipes.log_path(self.spec.name)
        return TerminationWait(roots, self.spec.stop_grace_s, lambda: log.exists() and log.stat().st_size, self._clock)

    def _continue_restart(self, ending: TerminationWait) -> tuple[ShownState, str]:
        if self.process is None:
            self._restarting = None
            self._history.reset()
        elif why := ending.give_up_reason():
            self.kill(why)
        return "starting", "restarting"

    def _spawn(self) -> None:
        self.starts += 1
        self._priority_lowered = False
        self._liveness = ServiceLiveness(self.spec, self._home, self._clock)
        process = ManagedProcess(
            self.spec.name, self.spec.command(), self.spec.env, self._home, self._log_pipes.write_end(self.spec.name)
        )
        self.process = process
        self._log_pipes.guard(process.pid)
        self._liveness.observe(process)

    def _record_exit(self, code: int | None, reason: str = "") -> None:
        process, self.process = self.process, None
        assert process is not None
        self._liveness.stop_observing()
        process.end_group()
        self._log_pipes.release(process.pid)
        self.last_exit = code
        if self.spec.one_shot and code == exit_codes.CLEAN:
            self._history.done = True
            return
        beat = self._liveness.heartbeat
        said = beat.detail if beat is not None and code in (exit_codes.BLOCKED, exit_codes.RETRY) else ""
        said = said or read_last_line(self._log_pipes.log_path(self.spec.name))
        now, ready_at = self._clock(), self._liveness.started_at
        self._history.record_exit(ServiceLifetime(now if ready_at is None else ready_at, now, code), said, reason)
