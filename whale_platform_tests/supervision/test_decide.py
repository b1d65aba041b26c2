"""The supervisor's decisions and its back-off, as pure functions."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from whale_platform.supervision.backoff import Backoff, Run
from whale_platform.supervision.decide import Kill, Start, View, Wait, decide

DEAD = View(now=100.0)
ALIVE = View(now=100.0, alive=True, says="ready", quiet_until=120.0)

views = st.builds(
    View,
    now=st.floats(0, 1e6),
    alive=st.booleans(),
    says=st.sampled_from(["starting", "ready", "degraded", "blocked", "stopped"]),
    quiet_until=st.floats(0, 1e6),
    preparing=st.booleans(),
    done=st.booleans(),
    blocked=st.none() | st.text(),
    missing=st.lists(st.sampled_from(["kafka", "topics"]), unique=True).map(tuple),
    retry_at=st.floats(0, 1e6),
)


def test_a_dead_service_starts() -> None:
    assert decide(DEAD) == Start()


def test_a_dead_service_waits_for_what_it_needs_then_for_its_back_off() -> None:
    view = replace(DEAD, missing=("topics", "kafka"), retry_at=101.5, reason="ended with code 1")
    assert decide(view) == Wait("waiting", "for topics, kafka")
    assert decide(replace(view, missing=())) == Wait("backoff", "ended with code 1; again in 1.5 s")
    assert decide(replace(view, missing=(), now=101.5)) == Start()


def test_blocked_and_done_stay_so() -> None:
    assert decide(replace(DEAD, blocked="turn the key")) == Wait("blocked", "turn the key")
    assert decide(replace(DEAD, done=True)) == Wait("ready", "done")
    assert decide(replace(DEAD, preparing=True)) == Wait("starting", "preparing")


def test_silence_kills_at_its_limit_and_not_before() -> None:
    assert decide(ALIVE) == Wait("ready", "")
    assert decide(replace(ALIVE, now=119.9)) == Wait("ready", "")
    assert decide(replace(ALIVE, now=120.0)) == Kill("no sign of life")


@given(views)
def test_only_the_dead_are_started_and_only_the_silent_killed(view: View) -> None:
    act = decide(view)
    if isinstance(act, Kill):
        assert view.alive and view.now >= view.quiet_until
    if isinstance(act, Start):
        assert not (view.alive or view.preparing or view.done or view.missing or view.blocked is not None)
        assert view.now >= view.retry_at
    if view.alive and view.now < view.quiet_until:
        assert isinstance(act, Wait) and act.state == view.says


def lives(*lengths: float) -> list[Run]:
    return [Run(1000.0 * number, 1000.0 * number + length, 1) for number, length in enumerate(lengths)]


def test_back_off_doubles_to_its_cap_and_a_healthy_life_resets_it() -> None:
    backoff = Backoff(first_s=0.2, cap_s=1.0, healthy_after_s=5.0)
    assert [backoff.delay(lives(*[0.1] * count)) for count in range(6)] == [0.0, 0.2, 0.4, 0.8, 1.0, 1.0]
    assert backoff.delay(lives(0.1, 0.1, 0.1, 5.0)) == 0.2
    assert backoff.delay(lives(0.1, 0.1, 5.0, 0.1, 0.1)) == 0.4


@given(st.lists(st.floats(0, 60), max_size=200))
def test_back_off_is_never_over_its_cap_and_grows_with_each_short_life(lengths: list[float]) -> None:
    backoff = Backoff()
    before, after = backoff.delay(lives(*lengths)), backoff.delay(lives(*lengths, 0.0))
    assert 0.0 <= before <= after <= backoff.cap_s
    assert backoff.delay(lives(*lengths, backoff.healthy_after_s)) == backoff.first_s
