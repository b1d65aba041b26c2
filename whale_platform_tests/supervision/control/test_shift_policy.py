"""Whether a shift must begin or is over: every state in which the storage and the supervisor can be found."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale_platform.supervision.control.desired_state import DesiredState
from whale_platform.supervision.control.shift_policy import (
    HEALTHY_S,
    SHIFT_S,
    BeginShift,
    EndShift,
    KeepShift,
    ObservedService,
    ShiftRun,
    ShiftView,
    decide_shift,
)

NOW = 1_000_000.0
KEPT = ObservedService("s1", started=NOW - 600)
DYING = ObservedService("s1", state="backoff", detail="ended with code 3: no luck", short_lives=5)
STOPPED = DesiredState(False, NOW, "run x")


def run(state: Any, run_id: str = "a", ago: float = 100.0, life: str = "s1") -> ShiftRun:
    ended = NOW - ago if state in ("done", "failed") else None
    return ShiftRun(
        run_id, state, NOW - ago - 50 if state != "queued" else None, ended, life if state == "started" else ""
    )


def seen(*runs: ShiftRun, service: ObservedService | None = KEPT, desired: DesiredState | None = None) -> ShiftView:
    return ShiftView(NOW, runs, service, desired or DesiredState())


@pytest.mark.parametrize(
    ("view", "answer"),
    [
        (seen(), BeginShift("after:none")),
        (seen(run("done")), BeginShift("after:a")),
        (seen(run("failed")), BeginShift("after:a")),
        (seen(run("failed", ago=5)), KeepShift("the last shift failed less than 60 s ago")),
        (seen(run("failed", ago=-3600)), BeginShift("after:a")),  # the clock was set back
        (seen(run("queued")), KeepShift("run a is queued")),
        (seen(run("starting")), KeepShift("run a is starting")),
        (seen(run("started")), KeepShift("run a follows it", "a")),
        (seen(run("started"), run("queued", "b")), KeepShift("run a follows it", "a")),
        (seen(run("queued", "b"), run("started")), KeepShift("run a follows it", "a")),
        (seen(run("started", "b"), run("started")), EndShift("a", "run b follows the service now")),
        (
            seen(run("started", ago=SHIFT_S)),
            EndShift("a", "a day is over; the service runs on, and the next run follows it"),
        ),
        (seen(run("started"), service=None), EndShift("a", "the supervisor that it followed has ended")),
        (seen(run("started", life="s0")), EndShift("a", "the supervisor that it followed has ended")),
        (seen(run("started"), service=ObservedService("s1", stopping=True)), EndShift("a", "the platform is stopping")),
        (seen(run("started"), desired=STOPPED), EndShift("a", "stopped by run x")),
        (
            seen(run("started"), service=DYING),
            EndShift("a", "it ended 5 times in a row: ended with code 3: no luck", failed=True),
        ),
        (
            seen(run("done"), service=None),
            KeepShift("no supervisor keeps the services of this home: they start with `whale up`"),
        ),
        (seen(run("done"), service=ObservedService("s1", stopping=True)), KeepShift("the platform is stopping")),
        (seen(run("done"), desired=STOPPED), KeepShift("stopped by run x")),
        (
            seen(run("failed"), service=DYING),
            KeepShift("it ended 5 times in a row; the next shift begins once it lives"),
        ),
    ],
)
def test_what_to_do(view: ShiftView, answer: object) -> None:
    assert decide_shift(view) == answer


def test_after_a_storm_the_next_shift_begins_once_the_service_has_lived_for_a_while() -> None:
    for age, begins in ((HEALTHY_S - 1, False), (HEALTHY_S + 1, True)):
        lives = ObservedService("s1", started=NOW - age, short_lives=7)
        assert isinstance(decide_shift(seen(run("failed"), service=lives)), BeginShift) is begins
        assert decide_shift(seen(run("started"), service=lives)) == KeepShift("run a follows it", "a"), (
            "a living one is shown"
        )


@given(
    st.lists(st.builds(run, st.sampled_from(["queued", "starting", "started", "done", "failed"])), max_size=4),
    st.sampled_from([None, KEPT, DYING]),
)
def test_never_a_second_one_while_there_may_be_a_first(runs: list[ShiftRun], service: ObservedService | None) -> None:
    if isinstance(decide_shift(seen(*runs, service=service)), BeginShift):
        assert service == KEPT
        assert all(one.state in ("done", "failed") for one in runs)
