"""Run history of a service: how its last life ended, and whether and when another start is worth it.

A process that exits as blocked (exit_codes.py), and a start that raised ServiceBlockedError, wait for a person; every
other end waits for the back-off.
"""

import signal
from dataclasses import dataclass, field

from whale_platform.supervision.errors import ServiceBlockedError
from whale_platform.supervision.policy.backoff import RestartBackoff, ServiceLifetime
from whale_platform.supervision.runtime import exit_codes

REMEMBERED_LIVES = 20


@dataclass(slots=True)
class RunHistory:
    """`reason`: why the last life ended. `blocked`: what a person must do. `done`: a one-shot's success."""

    backoff: RestartBackoff
    reason: str = ""
    blocked: str | None = None
    done: bool = False
    _lifetimes: list[ServiceLifetime] = field(default_factory=list)

    @property
    def short_lives(self) -> int:
        """How many of the last lives in a row were short."""
        return self.backoff.count_short_lives(self._lifetimes)

    @property
    def retry_at(self) -> float:
        """When the next start is due, in monotonic seconds; 0 where nothing has ended."""
        return self._lifetimes[-1].ended + self.backoff.compute_delay_s(self._lifetimes) if self._lifetimes else 0.0

    def record_failed_start(self, run: ServiceLifetime, error: Exception) -> None:
        """It never became a process."""
        self._remember(run, str(error) or type(error).__name__)
        self.blocked = self.reason if isinstance(error, ServiceBlockedError) else None

    def record_exit(self, run: ServiceLifetime, last_words: str, reason: str = "") -> None:
        """A process ended; `last_words`: its last words; `reason`: for what it was killed, where it was."""
        self._remember(run, reason or f"{describe_exit(run.code)}{': ' if last_words else ''}{last_words}")
        if run.code == exit_codes.BLOCKED:
            self.blocked = last_words or "needs a person; see its log"

    def reset(self) -> None:
        """Forget failures, and success: the next decision is to start."""
        self._lifetimes.clear()
        self.blocked, self.done = None, False

    def _remember(self, run: ServiceLifetime, reason: str) -> None:
        self._lifetimes = [*self._lifetimes[1 - REMEMBERED_LIVES :], run]
        self.reason = reason


def describe_exit(code: int | None) -> str:
    """`ended with code 1`, `ended by SIGKILL`, …"""
    if code == exit_codes.LEASE_REFUSED:
        return "another process already is this service"
    if code is not None and code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return f"ended with code {code}"
