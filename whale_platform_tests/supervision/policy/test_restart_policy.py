"""The supervisor's decisions and its back-off, as pure functions."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from whale_platform.supervision.policy.backoff import RestartBackoff, ServiceLifetime
from whale_platform.supervision.policy.restart_policy import (
    KeepState,
    KillService,
    LoopSilence,
    ServiceView,
    StartService,
    decide_restart,
    explain_hang,
    explain_stuck_start,
)
from whale_platform.supervision.processes.process_activity import ProcessActivity

DEAD = ServiceView(now=100.0)
ALIVE = ServiceView(now=100.0, alive=True, reported="ready")

views = st.builds(
    ServiceView,
    now=st.floats(0, 1e6),
    alive=st.booleans(),
    reported=st.sampled_from(["starting", "ready", "degraded", "blocked", "stopped"]),
    hang_reason=st.sampled_from(["", "it has not got on"]),
    preparing=st.booleans(),
    completed=st.booleans(),
    blocked=st.none() | st.text(),
    missing=st.lists(st.sampled_from(["kafka", "topics"]), unique=True).map(tuple),
    retry_at=st.floats(0, 1e6),
)


def test_a_dead_service_starts() -> None:
    assert decide_restart(DEAD) == StartService()


def test_a_dead_service_waits_for_what_it_needs_then_for_its_back_off() -> None:
    view = replace(DEAD, missing=("topics", "kafka"), retry_at=101.5, reason="ended with code 1")
    assert decide_restart(view) == KeepState("waiting", "for topics, kafka")
    assert decide_restart(replace(view, missing=())) == KeepState("backoff", "ended with code 1; again in 1.5 s")
    assert decide_restart(replace(view, missing=(), now=101.5)) == StartService()


def test_blocked_and_done_stay_so() -> None:
    assert decide_restart(replace(DEAD, blocked="turn the key")) == KeepState("blocked", "turn the key")
    assert decide_restart(replace(DEAD, completed=True)) == KeepState("ready", "done")
    assert decide_restart(replace(DEAD, preparing=True)) == KeepState("starting", "preparing")


def test_what_hangs_is_killed_for_its_reason_and_nothing_else_is() -> None:
    assert decide_restart(ALIVE) == KeepState("ready", "")
    assert decide_restart(replace(ALIVE, hang_reason="it is stopped")) == KillService("it is stopped")


@given(views)
def test_only_the_dead_are_started_and_only_what_hangs_is_killed(view: ServiceView) -> None:
    act = decide_restart(view)
    assert isinstance(act, KillService) == (view.alive and view.hang_reason != "")
    if isinstance(act, StartService):
        assert not (view.alive or view.preparing or view.completed or view.missing or view.blocked is not None)
        assert view.now >= view.retry_at
    if view.alive and not view.hang_reason:
        assert isinstance(act, KeepState) and act.state == view.reported


seconds = st.floats(0, 10_000)
activities = st.builds(
    lambda for_s, cpu, waited, stopped: ProcessActivity(for_s, cpu * for_s, waited * for_s, stopped * for_s),
    seconds,
    st.floats(0, 4),
    st.floats(0, 4),
    st.sampled_from([0.0, 0.0, 1.0]),
)
silences = st.builds(
    LoopSilence,
    for_s=seconds,
    allowed_wait_s=st.sampled_from([0.0, 120.0]),
    most_cpu_s=st.just(10.0),
    activity=activities,
)


@given(silences)
def test_nothing_is_killed_before_its_time_nor_for_being_starved(silence: LoopSilence) -> None:
    why, effort = explain_hang(silence), silence.activity
    if silence.for_s < silence.allowed_s:
        assert why == ""
    starved = effort.waited_s >= 0.25 * effort.observed_s and effort.cpu_s < 10
    if starved and effort.stopped_s == 0:
        assert why == ""
    if silence.for_s < silence.allowed_wait_s and effort.stopped_s == 0:
        assert why == "", "it waits for somebody else, as it said it would"


@given(silences, st.floats(0.01, 1.0))
def test_with_a_part_of_the_processor_nothing_is_killed_that_lives_with_all_of_it(
    silence: LoopSilence, part: float
) -> None:
    """The trap: on a starved machine the same work takes longer, and the rest of the time it waits to be run."""
    if explain_hang(replace(silence, for_s=29.0)) or silence.activity.cpu_s >= 10:
        return
    took = silence.for_s / part
    waited = took - silence.for_s + silence.activity.waited_s
    effort = ProcessActivity(took, silence.activity.cpu_s, waited)
    if part <= 0.75:
        assert explain_hang(replace(silence, for_s=took, activity=effort)) == ""


@given(st.floats(30, 60), st.floats(0, 2), st.floats(0, 0.2))
def test_on_a_machine_that_is_not_starved_every_hang_is_noticed_within_a_minute(
    after_s: float, cores: float, waits: float
) -> None:
    """Whatever the other threads use meanwhile: nothing, a little, or all there is."""
    hung = LoopSilence(
        "it", after_s, activity=ProcessActivity(after_s - 5, cores * (after_s - 5), waits * (after_s - 5))
    )
    assert explain_hang(hung).startswith("no sign of life: it has not got on for")


def test_what_hangs_is_named_with_what_was_seen() -> None:
    silent = LoopSilence("its loop 'main'", 31.0, activity=ProcessActivity(26.0, 0.1, 0.2))
    assert (
        explain_hang(silent)
        == "no sign of life: its loop 'main' has not got on for 31 s, and does not wait for the CPU"
    )
    circles = replace(silent, activity=ProcessActivity(26.0, 25.0, 20.0))
    assert explain_hang(circles).endswith("has not got on for 31 s, in which 25 s of CPU were used")
    stopped = replace(silent, activity=ProcessActivity(26.0, 0.0, 26.0, 26.0), allowed_wait_s=120.0)
    assert explain_hang(stopped).endswith("one of its processes is stopped")
    assert explain_hang(replace(silent, activity=ProcessActivity())) == "", "nothing has been measured"


@given(activities, st.floats(0, 299), seconds, st.floats(0, 599))
def test_a_start_that_works_is_never_ended(
    effort: ProcessActivity, still_s: float, progress_s: float, unsaid: float
) -> None:
    moving = replace(effort, stopped_s=0.0)
    assert explain_stuck_start(moving, still_s, progress_s, unsaid, 300.0) == ""


def test_a_start_is_ended_for_standing_still_stopped_or_going_nowhere() -> None:
    assert "no CPU used and nothing said for 300 s" in explain_stuck_start(ProcessActivity(), 300, 300, 1, 300)
    assert explain_stuck_start(ProcessActivity(), 900, 2, 1, 300) == "", (
        "a loop of it waits for somebody, again and again"
    )
    assert "has been stopped for 30 s" in explain_stuck_start(ProcessActivity(30, 0, 0, 30), 30, 30, 0, 300)
    assert "600 s of CPU used without a word" in explain_stuck_start(ProcessActivity(), 0, 700, 600, 300)


def lives(*lengths: float) -> list[ServiceLifetime]:
    return [ServiceLifetime(1000.0 * number, 1000.0 * number + length, 1) for number, length in enumerate(lengths)]


def test_back_off_doubles_to_its_cap_and_a_healthy_life_resets_it() -> None:
    backoff = RestartBackoff(first_s=0.2, cap_s=1.0, healthy_after_s=5.0)
    assert [backoff.compute_delay_s(lives(*[0.1] * count)) for count in range(6)] == [0.0, 0.2, 0.4, 0.8, 1.0, 1.0]
    assert backoff.compute_delay_s(lives(0.1, 0.1, 0.1, 5.0)) == 0.2
    assert backoff.compute_delay_s(lives(0.1, 0.1, 5.0, 0.1, 0.1)) == 0.4


@given(st.lists(st.floats(0, 60), max_size=200))
def test_back_off_is_never_over_its_cap_and_grows_with_each_short_life(lengths: list[float]) -> None:
    backoff = RestartBackoff()
    before, after = backoff.compute_delay_s(lives(*lengths)), backoff.compute_delay_s(lives(*lengths, 0.0))
    assert 0.0 <= before <= after <= backoff.cap_s
    assert backoff.compute_delay_s(lives(*lengths, backoff.healthy_after_s)) == backoff.first_s
