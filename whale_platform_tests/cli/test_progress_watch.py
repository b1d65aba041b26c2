"""For how long a command waits: by what moves, on a clock that the test holds."""

from pathlib import Path
from typing import Any

import pytest

from whale_platform.cli.lifecycle import progress_watch
from whale_platform.cli.lifecycle.progress_watch import ProgressWatch
from whale_platform.homes import Home


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress_watch, "time", made)
    return made


def snapshot(silent_s: float = 0.1, **services: dict[str, Any]) -> dict[str, Any]:
    entry = {"state": "starting", "detail": "", "pid": 7, "restarts": 0, "still_s": None}
    return {
        "running": True,
        "stopping": False,
        "supervisor": {"silent_s": silent_s},
        "services": {name: entry | more for name, more in services.items()},
    }


def test_it_waits_for_ever_while_a_start_works_and_not_for_one_that_does_nothing(tmp_path: Path, clock: Clock) -> None:
    waits = ProgressWatch(Home(tmp_path, "simulator"))
    for _ in range(50):
        assert waits.hopeless_reason(snapshot(stream={"still_s": 4.0}, api={"state": "ready"})) == ""
        clock.now += 300
    still = {"still_s": 700.0, "detail": "a migration that the server works at"}
    clock.now += 700
    assert waits.hopeless_reason(snapshot(stream=still, api={"state": "ready"})) == "", "the supervisor judges it"
    hung = snapshot(100.0, stream=still, api={"state": "ready"})
    clock.now += 299
    assert waits.hopeless_reason(hung) == ""
    clock.now += 700
    assert waits.hopeless_reason(hung).startswith("nothing has moved for 600 s: stream starting for")
    assert waits.hopeless_reason(snapshot(100.0, stream={"still_s": 700.0, "detail": "planning"})) == "", (
        "it says something new"
    )


def test_a_service_that_does_not_stay_up_is_not_waited_for(tmp_path: Path, clock: Clock) -> None:
    waits = ProgressWatch(Home(tmp_path, "simulator"))
    assert waits.hopeless_reason(snapshot(sink={"state": "backoff", "restarts": 50})) == "", (
        "restarts of before do not count"
    )
    assert waits.hopeless_reason(snapshot(sink={"state": "ready", "restarts": 58})) == ""
    failing = snapshot(sink={"state": "backoff", "restarts": 58, "detail": "ended with code 1"})
    assert waits.hopeless_reason(failing) == "sink does not stay up: ended with code 1"
    steps = [
        snapshot(kafka={"state": "backoff", "short_lives": lives, "detail": f"again in {lives} s"}) for lives in (2, 10)
    ]
    assert [waits.hopeless_reason(step) for step in steps] == ["", "kafka does not stay up: again in 10 s"], (
        "its format fails"
    )


def test_each_line_says_what_is_waited_for_since_when_and_what_it_did_last(tmp_path: Path, clock: Clock) -> None:
    waits = ProgressWatch(Home(tmp_path, "simulator"))
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "stream.log").write_text("one\n\x1b[32mlast\x1b[0m words\n")
    now = snapshot(
        stream={"detail": "starting Spark", "still_s": 80.0},
        sink={"state": "waiting", "detail": "for topics", "pid": None},
        api={"state": "degraded"},
        ingester={"state": "stopped"},
    )
    waits.hopeless_reason(now)
    clock.now += 42
    assert waits.describe_pending(now) == [
        "stream starting for 42 s, starting Spark, it has done nothing for 80 s, its log ends: last words",
        "then sink (for topics)",
    ]
    assert waits.is_report_due() and not waits.is_report_due()
