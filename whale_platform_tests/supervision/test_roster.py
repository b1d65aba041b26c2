"""Whether a shift must begin: every state in which the storage and the processes can be found."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale_platform.supervision.desired import Desired
from whale_platform.supervision.roster import (
    HUNG_S,
    STARTS_WITHIN_S,
    TAKES_HOLD_WITHIN_S,
    Holder,
    Reap,
    Run,
    Seen,
    Start,
    Wait,
    decide,
    retry_at,
)

NOW = 1_000_000.0
MINE = Holder(7, "a", NOW - 1)


def run(state: Any, run_id: str = "a", ago: float = 100.0, life: float = 50.0) -> Run:
    ended = NOW - ago if state in ("done", "failed") else None
    return Run(run_id, state, NOW - ago - life, NOW - ago - life if state != "queued" else None, ended)


def seen(*runs: Run, holder: Holder | None = None, desired: Desired | None = None, draining: bool = False) -> Seen:
    return Seen(NOW, runs, holder, desired or Desired(), draining)


@pytest.mark.parametrize(
    ("view", "answer"),
    [
        (seen(), Start("after:none")),
        (seen(run("done")), Start("after:a")),
        (seen(run("queued")), Wait("run a is queued")),
        (seen(run("starting", ago=0, life=5)), Wait("run a is starting")),
        (seen(run("starting", ago=0, life=STARTS_WITHIN_S + 1)), Reap("a", "it has not started within 60 s")),
        (seen(run("started"), holder=MINE), Wait("run a keeps it alive")),
        (seen(run("started", ago=0, life=3)), Wait("run a has just started")),
        (seen(run("started", ago=0, life=TAKES_HOLD_WITHIN_S + 1)), Reap("a", "its process is gone")),
        (seen(run("started"), holder=Holder(7, "b", NOW)), Reap("a", "its process is gone")),
        (
            seen(run("started"), holder=Holder(7, "a", NOW - HUNG_S - 1)),
            Reap("a", "its process has been silent for over 90 s", 7),
        ),
        (
            seen(run("done"), holder=Holder(7, "a", NOW - HUNG_S - 1)),
            Reap("a", "its run has ended, but its process hangs", 7),
        ),
        (seen(run("failed", ago=-3600, life=5)), Start("after:a")),  # the clock was set back by more than any wait
        (seen(run("done"), holder=MINE), Wait("the last shift is ending (pid 7)")),
        (seen(run("done"), draining=True), Wait("Dagster is about to end")),
        (seen(run("done"), desired=Desired(False, NOW, "run x")), Wait("stopped by run x")),
    ],
)
def test_what_to_do(view: Seen, answer: object) -> None:
    assert decide(view) == answer


def test_a_stuck_run_is_reaped_even_beside_a_good_one() -> None:
    view = seen(run("started", "b"), run("started", "a"), holder=Holder(7, "b", NOW))
    assert decide(view) == Reap("a", "its process is gone")


def test_failures_make_the_next_shift_wait_longer_up_to_a_cap_and_a_person_forgives_them() -> None:
    def failures(count: int) -> list[Run]:
        return [run("failed", str(n), ago=10.0 * n, life=1) for n in range(count)]

    waits = [retry_at(failures(count), 0.0) - NOW for count in (1, 2, 3, 20)]
    assert waits == [1.0, 2.0, 4.0, 120.0]
    assert decide(seen(*failures(3))) == Wait("the last shifts failed: the next in 4 s")
    assert decide(seen(*failures(3), desired=Desired(True, NOW + 1, "run x"))) == Start("after:0")
    assert retry_at([run("done"), *failures(20)], 0.0) == 0.0


def test_a_long_life_that_was_killed_is_followed_almost_at_once() -> None:
    assert decide(seen(run("failed", ago=2, life=600))) == Start("after:a")


@given(
    st.lists(st.builds(run, st.sampled_from(["queued", "starting", "started", "done", "failed"])), max_size=4),
    st.one_of(st.none(), st.builds(Holder, st.just(7), st.sampled_from(["a", None]), st.floats(NOW - 200, NOW))),
)
def test_never_a_second_one_while_there_may_be_a_first(runs: list[Run], holder: Holder | None) -> None:
    answer = decide(seen(*runs, holder=holder))
    if isinstance(answer, Start):
        assert holder is None
        assert all(one.state in ("done", "failed") for one in runs)
