"""One service kept alive for a while by a process that may itself be killed: a Dagster run is one shift.

The service comes back within the shift, by the same rules as under the supervisor; a service that keeps dying young
ends the shift with an error, so that the failure is seen, and whoever gives out shifts waits before the next. One
shift a service and home: a lease, held until the process ends. Killed, its service ends by its leash, or by the log
keeper.
"""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from whale_platform.supervision import lease as leases
from whale_platform.supervision.beat import write_json
from whale_platform.supervision.decide import Shown
from whale_platform.supervision.lease import Lease
from whale_platform.supervision.logkeeper import LogKeeper
from whale_platform.supervision.member import Member
from whale_platform.supervision.published import shift_lease, shift_path, take_restart
from whale_platform.supervision.spec import Spec

TURN_S = 0.1
LOOK_S = 0.5
PUBLISH_S = 1.0
AWAY_S = 5.0
TOO_MANY_SHORT_LIVES = 5


class KeepsDying(Exception):
    """The service ended young too often in a row; the message says how it ended last."""


def ask_to_end(home: Path) -> bool:
    """Let every shift end, and none begin, until `let_begin`; whether all have ended."""
    drain = _drain(home)
    drain.parent.mkdir(parents=True, exist_ok=True)
    drain.touch()
    held = (leases.holder(home, lock.name.removesuffix(".lock")) for lock in drain.parent.glob("*.shift.lock"))
    return not any(pid is not None for pid in held)


def let_begin(home: Path) -> None:
    """Shifts may begin."""
    _drain(home).unlink(missing_ok=True)


def asked_to_end(home: Path) -> bool:
    """Whether shifts are to end."""
    return _drain(home).exists()


def _drain(home: Path) -> Path:
    return home / "run" / "shifts.drain"


class Shift:
    """Keeps `spec`'s service alive until `over` gives a reason. `say` is told of every change of its state."""

    def __init__(
        self,
        home: Path,
        spec: Spec,
        run_id: str,
        over: Callable[[], str | None],
        say: Callable[[Shown, str], None],
        keeper: Callable[..., LogKeeper] = LogKeeper,
    ) -> None:
        self._home, self._spec, self._run_id = home.resolve(), spec, run_id
        self._over, self._say, self._make_keeper = over, say, keeper
        self._shown: tuple[Shown, str] = ("starting", "")
        self._published = 0.0
        self.lease = Lease(self._home, shift_lease(spec.name))

    def run(self) -> str:
        """Until it is over; returns why. Main thread only. Raises LeaseRefused, KeepsDying."""
        self.lease.acquire()
        if (reason := self._over()) is not None:
            return reason
        keeper = self._make_keeper(self._home, [self._spec.name])
        self._member = Member(self._spec, self._home, keeper)
        take_restart(self._home, self._spec.name)
        try:
            return self._keep(keeper)
        finally:
            self._show("stopped", "")
            self._member.end(self._publish)
            self._publish(force=True)
            keeper.close()

    def _keep(self, keeper: LogKeeper) -> str:
        last, looked = time.monotonic(), 0.0
        while True:
            now = time.monotonic()
            away, last = now - last > AWAY_S, now
            if now - looked >= LOOK_S:
                looked = now
                if (reason := self._over()) is not None:
                    return reason
            keeper.ensure()
            if take_restart(self._home, self._spec.name):
                self._member.restart()
            self._member.look()
            if away:
                self._member.excuse_silence()
            self._show(*self._turn())
            self._publish()
            if self._member.short_lives >= TOO_MANY_SHORT_LIVES and self._shown[0] == "backoff":
                raise KeepsDying(f"{self._spec.name} ended {self._member.short_lives} times in a row: {self._shown[1]}")
            time.sleep(TURN_S)

    def _turn(self) -> tuple[Shown, str]:
        other = leases.holder(self._home, self._spec.name) if self._member.process is None else None
        if other is not None:  # of the last shift, which was killed: it is ending, and would only refuse ours
            return "waiting", f"for pid {other}, which is the {self._spec.name} still"
        return self._member.turn()

    def _show(self, state: Shown, detail: str) -> None:
        changed, self._shown = state != self._shown[0], (state, detail)
        if changed:
            self._say(state, detail)
            self._published = 0.0

    def _publish(self, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._published < PUBLISH_S:
            return
        self._published = now
        entry = self._member.published(*self._shown)
        with contextlib.suppress(OSError):
            write_json(
                shift_path(self._home, self._spec.name),
                {"run_id": self._run_id, "pid": os.getpid(), "at": time.time(), "service": entry},
            )
