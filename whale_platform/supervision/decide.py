"""The supervisor's mind: from what is seen of one service to what to do about it. Pure, no clock, no process.

Level-triggered: the same view always gives the same answer, so a missed event can't be missed for good.
"""

from dataclasses import dataclass
from typing import Literal

Shown = Literal["waiting", "starting", "ready", "degraded", "blocked", "backoff", "stopped"]
WORKS: frozenset[str] = frozenset({"ready", "degraded"})


@dataclass(frozen=True, slots=True)
class View:
    """All that is known of a service. Times: monotonic seconds.

    `says` is the state the living process gives itself (from its beat, or `ready` from its check); `quiet_until` is
    when its silence becomes deadly; `done` a one-shot's success; `blocked` what a person must do; `missing` the needs
    that are not ready; `retry_at` the end of the back-off; `reason` why the last run ended.
    """

    now: float
    alive: bool = False
    says: Shown = "starting"
    detail: str = ""
    quiet_until: float = 0.0
    preparing: bool = False
    done: bool = False
    blocked: str | None = None
    missing: tuple[str, ...] = ()
    retry_at: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Start:
    """Start it now."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Leave it; `state` and `detail` are what to show."""

    state: Shown
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Kill:
    """End it with its whole process group."""

    reason: str


def decide(view: View) -> Start | Wait | Kill:
    """What to do about one service now."""
    if view.alive:
        if view.now >= view.quiet_until:
            return Kill("no sign of life")
        return Wait(view.says, view.detail)
    if view.preparing:
        return Wait("starting", "preparing")
    if view.done:
        return Wait("ready", "done")
    if view.blocked is not None:
        return Wait("blocked", view.blocked)
    if view.missing:
        return Wait("waiting", f"for {', '.join(view.missing)}")
    if view.now < view.retry_at:
        return Wait("backoff", f"{view.reason}; again in {view.retry_at - view.now:.1f} s")
    return Start()
