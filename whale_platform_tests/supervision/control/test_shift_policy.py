"""Whether a shift must begin or is over: every state in which the storage and the supervisor can be found."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale_platform.supervision.control.desired_state import Desired
from whale_platform.supervision.control.shift_policy import (
    HEALTHY_S,
    SHIFT_S,
    End,
    Run,
    Seen,
    Service,
    Start,
    Wait,
    decide,
)

NOW = 1_000_000.0
KEPT = Service("s1", started=NOW - 600)
DYING = Service("s1", state="backoff", detail="ended with code 3: no luck", short_lives=5)
STOPPED = Desired(False, NOW, "run x")


def run(state: Any, run_id: str = "a", ago: float = 100.0, life: str = "s1") -> Run:
    ended = NOW - ago if state in ("done", "failed") else None
    return Run(run_id, state, NOW - ago - 50 if state != "queued" else None, ended, life if state == "started" else "")


def seen(*runs: Run, service: Service | None = KEPT, desired: Desired | None = None) -> Seen:
    return Seen(NOW, runs, service, desired or Desired())


@pytest.mark.parametrize(
    ("view", "answer"),
    [
        (seen(), Start("after:none")),
        (seen(run("done")), Start("after:a")),
        (seen(run("failed")), Start("after:a")),
        (seen(run("failed", ago=5)), Wait("the last shift failed less than 60 s ago")),
        (seen(run("failed", ago=-3600)), Start("after:a")),  # the clock was set back
        (seen(run("queued")), Wait("run a is queued")),
        (seen(run("starting")), Wait("run a is starting")),
        (seen(run("started")), Wait("run a follows it", "a")),
        (seen(run("started"), run("queued", "b")), Wait("run a follows it", "a")),
        (seen(run("queued", "b"), run("started")), Wait("run a follows it", "a")),
        (seen(run("started", "b"), run("started")), End("a", "run b follows the service now")),
        (
            seen(run("started", ago=SHIFT_S)),
            End("a", "a day is over; the service runs on, and the next run follows it"),
        ),
        (seen(run("started"), service=None), End("a", "the supervisor that it followed has ended")),
        (seen(run("started", life="s0")), End("a", "the supervisor that it followed has ended")),
        (seen(run("started"), service=Service("s1", stopping=True)), End("a", "the platform is stopping")),
        (seen(run("started"), desired=STOPPED), End("a", "stopped by run x")),
        (
            seen(run("started"), service=DYING),
            End("a", "it ended 5 times in a row: ended with code 3: no luck", failed=True),
        ),
        (
            seen(run("done"), service=None),
            Wait("no supervisor keeps the services of this home: they start with `whale up`"),
        ),
        (seen(run("done"), service=Service("s1", stopping=True)), Wait("the platform is stopping")),
        (seen(run("done"), desired=STOPPED), Wait("stopped by run x")),
        (seen(run("failed"), service=DYING), Wait("it ended 5 times in a row; the next shift begins once it lives")),
    ],
)
def test_what_to_do(view: Seen, answer: object) -> None:
    assert decide(view) == answer


def test_after_a_storm_the_next_shift_begins_once_the_service_has_lived_for_a_while() -> None:
    for age, begins in ((HEALTHY_S - 1, False), (HEALTHY_S + 1, True)):
        lives = Service("s1", started=NOW - age, short_lives=7)
        assert isinstance(decide(seen(run("failed"), service=lives)), Start) is begins
        assert decide(seen(run("started"), service=lives)) == Wait("run a follows it", "a"), "a living one is shown"


@given(
    st.lists(st.builds(run, st.sampled_from(["queued", "starting", "started", "done", "failed"])), max_size=4),
    st.sampled_from([None, KEPT, DYING]),
)
def test_never_a_second_one_while_there_may_be_a_first(runs: list[Run], service: Service | None) -> None:
    if isinstance(decide(seen(*runs, service=service)), Start):
        assert service == KEPT
        assert all(one.state in ("done", "failed") for one in runs)
