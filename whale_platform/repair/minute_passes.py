"""What the repair service has done once a minute beside its repairs, each kind by a process of its own.

The trades go first: nothing is begun while stream or sink are starting, silent or behind. What fails is logged and
tried again, each time after twice as long, an hour at most.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from whale_platform.repair.work_process import WorkHold, run_command
from whale_platform.stores.errors import PostgresError
from whale_platform.supervision.runtime.runner import ServiceContext

EVERY_S = 60.0
LONGEST_S = 3600.0
RunCommand = Callable[[ServiceContext, Sequence[str], WorkHold], dict[str, Any] | str | None]


class PassWork(Protocol):
    """One kind of such work."""

    def find_command(self) -> Sequence[str] | None:
        """What to run now; None where there is nothing to do. Raises PostgresError and OSError."""

    def take_answer(self, done: dict[str, Any]) -> None:
        """Note what the command said."""


class MinutePasses:
    """One pass after the other, in the loop of the repair service."""

    def __init__(self, context: ServiceContext, work: PassWork, run: RunCommand = run_command) -> None:
        self._context, self._work, self._run = context, work, run
        self._hold = WorkHold(context.settings.home)
        self._wait_s = EVERY_S
        self._next_at = time.monotonic() + EVERY_S  # after a start the others come first

    def run_if_due(self) -> None:
        """Do a pass where it is time for one. Raises nothing."""
        if time.monotonic() < self._next_at or self._hold.reason_to_wait():
            return
        done = self._do_pass()
        if isinstance(done, str):  # it had to make way for the trades
            self._next_at = time.monotonic() + EVERY_S
            return
        if not (done and done.get("left")):  # what is left of it was due as long ago
            self._hold.reset()
        self._wait_s = min(2 * self._wait_s, LONGEST_S) if done is None else EVERY_S
        self._next_at = time.monotonic() + self._wait_s
        if done:
            self._work.take_answer(done)

    def _do_pass(self) -> dict[str, Any] | str | None:
        try:
            command = self._work.find_command()
        except (PostgresError, OSError) as error:
            kind = type(self._work).__name__
            self._context.log.warning("what a pass has to do can't be found now", work=kind, error=str(error))
            return None
        return {} if command is None else self._run(self._context, command, self._hold)
