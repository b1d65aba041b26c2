"""What runs when: whales, windows, ready, the lake; a switch; a query that fails; a JVM that does not answer."""

import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from whale_platform.stream import main_loop
from whale_platform.stream.monitoring.lag import QueryLag
from whale_platform.stream.query import mode_policy
from whale_platform.supervision.runtime import exit_codes, heartbeat
from whale_platform_tests.stream.fakes import Stage

STARTS = ((0, "realtime"), (mode_policy.BACKLOG, "realtime"), (mode_policy.BACKLOG + 1, "microbatch"))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main_loop, "LOOK_S", 0.0)
    monkeypatch.setattr(main_loop, "REST_S", 0.0)


def test_whales_come_first_then_windows_and_the_lake_when_trades_flow(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.behind["windows"] = QueryLag(3, 0.1)
    states: list[tuple[str, str]] = []

    def flows() -> None:
        stage.reads.add("windows")
        stage.behind |= {"windows": QueryLag(3, 0.1), "whales": QueryLag(0, 0.0)}

    code = stage.run(
        lambda: None,
        lambda: stage.said.append("whales are behind"),
        lambda: stage.reads.add("whales"),
        lambda: states.append(stage.state()),
        flows,
        lambda: states.append(stage.state()),
    )
    assert code == exit_codes.CLEAN
    assert stage.said == [
        "begin whales",
        "whales are behind",
        "begin windows",
        "start realtime",
        "rehearse",
        "lake",
        "lake",
        "lake stops",
        "close",
    ]
    assert [state for state, _ in states] == ["starting", "ready"]
    assert stage.context.heartbeat.state == "stopping"
    numbers = stage.context.heartbeat.numbers
    assert (numbers["lag"], numbers["windows_lag"], numbers["whales_lag"], numbers["lag_s"]) == (3, 3, 0, 0.1)
    assert (numbers["windows_mode"], numbers["rate"], numbers["behind_since"]) == ("realtime", 10.0, None)


@pytest.mark.parametrize(
    ("wanted", "waiting", "mode"),
    [
        ("microbatch", 0, "microbatch"),
        *[(wanted, waiting, mode) for wanted in ("auto", "realtime") for waiting, mode in STARTS],
    ],
)
def test_windows_are_in_real_time_unless_a_backlog_waits_or_micro_batches_are_asked_for(
    tmp_path: Path, wanted: str, waiting: int, mode: str
) -> None:
    stage = Stage(tmp_path, wanted)
    stage.reads.add("whales")
    stage.behind["windows"] = QueryLag(waiting, 60.0)
    stage.run(lambda: None, lambda: None)
    assert f"start {mode}" in stage.said


def test_who_is_far_behind_switches_and_goes_round_while_the_old_query_ends(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "realtime")
    stage.reads |= {"whales", "windows"}
    calm, late = QueryLag(0, 0.0), QueryLag(mode_policy.BACKLOG + 1, mode_policy.FAR_S)
    turns = threading.Event()

    def fall_behind() -> None:
        stage.queries[0].held.clear()
        stage.behind["windows"] = late

    def release() -> None:
        assert len(stage.queries) == 1 and stage.state()[0] == "degraded"
        assert stage.context.heartbeat.numbers["behind_since"] is not None
        stage.queries[0].held.set()
        while stage.windows._ending is not None and stage.windows._ending.is_alive():
            turns.wait(0.01)

    stage.behind = {"windows": calm, "whales": calm}
    assert (
        stage.run(*[lambda: None] * 4, fall_behind, lambda: None, lambda: None, release, lambda: None)
        == exit_codes.CLEAN
    )
    told = [one for one in stage.said if one not in ("lake", "rehearse")]
    assert told[:5] == ["begin whales", "begin windows", "start realtime", "lake slowly", "lake slowly"]
    assert told.index("start microbatch") + 1 == told.index("begin windows", 3)
    assert "windows failed" not in told
    assert stage.context.heartbeat.numbers["windows_mode"] == "microbatch"


def test_what_a_look_has_found_is_published_at_once(tmp_path: Path) -> None:
    """The heartbeat's own thread, of which there is none here, would publish it up to a second later."""
    stage, lags = Stage(tmp_path), list[object]()

    def look(trades: int) -> Callable[[], None]:
        def act() -> None:
            said = heartbeat.read_heartbeat(tmp_path, "stream")
            lags.append(said and said.numbers["lag"])
            stage.behind = {"windows": QueryLag(trades, 0.5), "whales": QueryLag(0, 0.0)}

        return act

    assert stage.run(*map(look, (7, 9, 11, 13))) == exit_codes.CLEAN
    assert lags == [None, 7, 9, 11]


def test_a_query_that_fails_ends_the_service(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    assert stage.run(lambda: setattr(stage.whales, "isActive", False), lambda: None) == exit_codes.RETRY
    assert stage.said[-1] == "whales failed"


def test_a_query_that_is_left_as_it_failed_keeps_the_others_running(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.reads |= {"whales", "windows"}
    stage.behind = {"windows": QueryLag(0, 0.0), "whales": QueryLag(0, 0.0)}
    states: list[tuple[str, str]] = []

    def fail() -> None:
        stage.healer.trouble = "query windows failed again"
        stage.queries[0].isActive = False

    assert stage.run(*[lambda: None] * 4, fail, lambda: None, lambda: states.append(stage.state())) == exit_codes.CLEAN
    assert states == [("degraded", "query windows failed again")]
    assert stage.said.count("windows failed") > 1, "asked again and again"


def test_a_worker_that_is_gone_is_said_while_it_is(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.reads |= {"whales", "windows"}
    stage.behind = {"windows": QueryLag(0, 0.0), "whales": QueryLag(0, 0.0)}
    states: list[tuple[str, str]] = []

    def look(then: str) -> Callable[[], None]:
        def act() -> None:
            states.append(stage.state())
            stage.shortage = then

        return act

    assert stage.run(*[lambda: None] * 4, look("2 of 6 slots"), look(""), look("")) == exit_codes.CLEAN
    assert states == [("ready", ""), ("degraded", "2 of 6 slots"), ("ready", "")]


def test_while_the_broker_has_not_answered_nothing_begins(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.reads |= {"whales", "windows"}
    stage.run(lambda: None, lambda: None, lambda: None)
    assert stage.said == ["lake stops", "close"], "nobody knows what waits"


def test_whales_that_are_left_as_they_failed_keep_no_window_waiting(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.behind = {"windows": QueryLag(0, 0.0), "whales": QueryLag(0, 0.0)}
    details: list[str] = []

    def fail() -> None:
        stage.healer.trouble, stage.whales.isActive = "query whales failed again", False

    stage.run(fail, lambda: None, lambda: None, lambda: details.append(stage.state()[1]))
    assert "start realtime" in stage.said and "query whales failed again" in details[0]


def test_a_jvm_that_does_not_answer_stops_the_progress(tmp_path: Path) -> None:
    """Somebody who watches the progress ends the service: nothing else could."""
    stage, rounds, hangs = Stage(tmp_path), list[float](), threading.Event()
    reports: Any = SimpleNamespace(
        settings=stage.context.settings,
        heartbeat=stage.context.heartbeat,
        report_state=stage.context.report_state,
        write_heartbeat=stage.context.write_heartbeat,
        stop=stage.context.stop,
        record_progress=lambda next_within_s=0.0: rounds.append(next_within_s),
    )
    stage.watch._context = reports
    reached = threading.Event()

    def hang() -> None:
        reached.set()
        hangs.wait(30)

    runs = threading.Thread(target=stage.run, args=(lambda: None, hang))
    runs.start()
    assert reached.wait(30)
    assert rounds == [main_loop.START_S, 0.0], "one round, whose slow part was announced"
    hangs.set()
    runs.join(30)
    assert len(rounds) > 2


def test_how_far_behind_is_unknown_while_a_query_takes_long_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path)
    stage.behind = {"windows": QueryLag(7, 0.5), "whales": QueryLag(0, 0.0)}
    beats: list[Any] = []

    def heartbeat() -> None:
        assert stage.context.before_heartbeat is not None
        stage.context.before_heartbeat()
        beats.append([stage.context.heartbeat.numbers.get(name) for name in ("lag", "windows_lag_s", "whales_lag")])

    clock = [1000.0]
    monkeypatch.setattr(main_loop, "time", SimpleNamespace(monotonic=lambda: clock[0], time=lambda: 0.0))

    def slow() -> None:
        """A look that goes on while heartbeats are written of the one before."""
        clock[0] += main_loop.STALE_S - 0.1
        heartbeat()
        clock[0] += 0.2
        heartbeat()

    def last() -> None:
        clock[0] += 0.1
        heartbeat()

    stage.run(lambda: None, slow, last)
    assert beats == [[7, 0.5, 0], [None, None, None], [None, None, None]], "the slow look was old when it was published"
