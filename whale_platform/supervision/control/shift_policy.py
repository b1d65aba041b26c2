"""Decides whether a service needs a new shift, and whether the present one is over: a pure function of what is known.

A shift is a run in Dagster that shows what the supervisor does with one service; it keeps nothing alive. Level-
triggered: called every few seconds, the same view gives the same decision, so a missed event can't be missed for good.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from whale_platform.supervision.control.desired_state import DesiredState
from whale_platform.supervision.policy.restart_policy import WORKING_STATES

SHIFT_S = 24 * 3600.0
TOO_MANY_SHORT_LIVES = 5
HEALTHY_S = 30.0
RETRY_S = 60.0


@dataclass(frozen=True, slots=True)
class ShiftRun:
    """One shift as its storage knows it. Times: epoch seconds. `life`: which supervisor it follows, once started."""

    run_id: str
    state: Literal["queued", "starting", "started", "done", "failed"]
    started: float | None = None
    ended: float | None = None
    life: str = ""


@dataclass(frozen=True, slots=True)
class ObservedService:
    """The service as the supervisor at work publishes it. `life` names that supervisor; `started`: its process."""

    life: str
    stopping: bool = False
    state: str = "ready"
    detail: str = ""
    started: float | None = None
    short_lives: int = 0


@dataclass(frozen=True, slots=True)
class ShiftView:
    """All that is known of a service's shifts. `runs`: newest first; `service`: None where nothing keeps it."""

    now: float
    runs: Sequence[ShiftRun]
    service: ObservedService | None
    desired: DesiredState


@dataclass(frozen=True, slots=True)
class BeginShift:
    """Begin a shift. `key` names the place in the row of shifts: the same key must never begin two."""

    key: str


@dataclass(frozen=True, slots=True)
class KeepShift:
    """Leave it, because of `reason`; `follows` is the run that is to show what happens."""

    reason: str
    follows: str | None = None


@dataclass(frozen=True, slots=True)
class EndShift:
    """Say of run `run_id` that it is over because of `reason`, and whether that is a failure of its service."""

    run_id: str
    reason: str
    failed: bool = False


def decide_shift(view: ShiftView) -> BeginShift | KeepShift | EndShift:
    """What to do about one service's shifts now."""
    unfinished = [run for run in view.runs if run.state not in ("done", "failed")]
    followers = [run for run in unfinished if run.state == "started"]
    for run in followers[1:]:
        return EndShift(run.run_id, f"run {followers[0].run_id[:8]} follows the service now")
    for run in followers:
        return _decide_running_shift(run, view)
    for run in unfinished:
        return KeepShift(f"run {run.run_id[:8]} is {run.state}")
    return _decide_next_shift(view)


def _decide_running_shift(run: ShiftRun, view: ShiftView) -> KeepShift | EndShift:
    service = view.service
    if service is None or service.life != run.life:
        return EndShift(run.run_id, "the supervisor that it followed has ended")
    if service.stopping:
        return EndShift(run.run_id, "the platform is stopping")
    if not view.desired.running:
        return EndShift(run.run_id, f"stopped by {view.desired.by}")
    if service.short_lives >= TOO_MANY_SHORT_LIVES and service.state == "backoff":
        return EndShift(run.run_id, f"it ended {service.short_lives} times in a row: {service.detail}", failed=True)
    if run.started is not None and view.now - run.started > SHIFT_S:
        return EndShift(run.run_id, "a day is over; the service runs on, and the next run follows it")
    return KeepShift(f"run {run.run_id[:8]} follows it", run.run_id)


def _decide_next_shift(view: ShiftView) -> BeginShift | KeepShift:
    service, last = view.service, view.runs[0] if view.runs else None
    if service is None:
        return KeepShift("no supervisor keeps the services of this home: they start with `whale up`")
    if service.stopping:
        return KeepShift("the platform is stopping")
    if not view.desired.running:
        return KeepShift(f"stopped by {view.desired.by}")
    lives = service.state in WORKING_STATES and service.started is not None and view.now - service.started > HEALTHY_S
    if service.short_lives >= TOO_MANY_SHORT_LIVES and not lives:
        return KeepShift(f"it ended {service.short_lives} times in a row; the next shift begins once it lives")
    failed = last is not None and last.state == "failed" and last.ended is not None
    if failed and last is not None and last.ended is not None and 0 <= view.now - last.ended < RETRY_S:
        return KeepShift(f"the last shift failed less than {RETRY_S:.0f} s ago")
    return BeginShift(f"after:{last.run_id if last is not None else 'none'}")
