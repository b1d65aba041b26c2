"""The repair service's loop over a real lake: what makes it look, and what happens to what failed."""

import sys
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import structlog

from whale_platform.repair import service, work_process
from whale_platform.repair.changed_hours import ChangedHours
from whale_platform.repair.work_process import WorkHold
from whale_platform.settings import Settings
from whale_platform.supervision.control import overload
from whale_platform.supervision.runtime import heartbeat
from whale_platform.supervision.runtime.heartbeat import Heartbeat
from whale_platform.supervision.runtime.runner import ServiceContext
from whale_platform_tests.lake.builders import START, lay, trade

HOUR = timedelta(hours=1)
Hours = Iterable[datetime] | None


def test_an_hour_that_gets_a_file_is_touched_once(tmp_path: Path) -> None:
    root = tmp_path / "trades"
    log = ChangedHours(root)
    assert log.poll() == set(), "there is no lake yet"
    lay(root, [trade(1)])
    assert log.poll() is None, "what came before the first look may be in any hour"
    assert log.poll() == set()
    lay(root, [trade(2), trade(3, every_s=2400)], first_offset=1)
    lay(root, [trade(4)], first_offset=3)
    assert log.poll() == {START, START + 2 * HOUR}
    lay(root, [trade(61), trade(130)], first_offset=4)
    lay(root, [trade(90)], first_offset=6)
    assert log.poll_starts() == {START: START + timedelta(minutes=1)}, "the minute of the earliest new trade"
    lay(root, [trade(5)], first_offset=7)
    lay(root, [trade(6)], first_offset=8)
    sorted((root / "_delta_log").glob("0*.json"))[-2].unlink()  # as the log's own clean-up after two days
    assert log.poll() is None


def made(home: Path) -> ServiceContext:
    settings = Settings.model_validate({"home": home})
    return ServiceContext(settings, Heartbeat("repair"), structlog.get_logger(), threading.Event())


class Worked:
    """What the service asked for; `answers` are given one after the other, then the service is stopped."""

    def __init__(self, context: ServiceContext, *answers: dict[str, Any] | str | None) -> None:
        self.asked: list[set[datetime] | None] = []
        self._context, self._answers = context, list(answers)

    def __call__(self, context: ServiceContext, hours: Hours, hold: WorkHold) -> dict[str, Any] | str | None:
        self.asked.append(None if hours is None else set(hours))
        answer = self._answers.pop(0)
        if not self._answers:
            self._context.stop.set()
        return answer


def test_closed_hours_with_new_files_are_asked_for_and_what_fails_again(tmp_path: Path, monkeypatch: Any) -> None:
    context = made(tmp_path)
    settings = context.settings
    monkeypatch.setattr(service, "AGAIN_S", 0.0)
    root = settings.trades_lake
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    ahead, late = (int((at - START).total_seconds()) for at in (hour + HOUR / 2, hour - 3 * HOUR))
    lay(root, [trade(1)])
    work = Worked(context, {"hours_repaired": 1}, None, {"hours_repaired": 2})

    class Late(Worked):
        def __call__(self, context: ServiceContext, hours: Hours, hold: WorkHold) -> dict[str, Any] | str | None:
            if not work.asked:
                lay(root, [trade(2), trade(late), trade(ahead)], first_offset=1)
            return work(context, hours, hold)

    assert service.run_loop(context, Late(context), interval_s=0.01, first_s=0.0) == 0
    wanted = {hour - 3 * HOUR}
    assert work.asked == [None, wanted, wanted], "all once, then what is new, over and not too old; what failed again"


def test_an_hour_that_fails_by_itself_is_told_and_keeps_no_other_waiting(tmp_path: Path) -> None:
    context = made(tmp_path)
    settings = context.settings
    lay(settings.trades_lake, [trade(1)])
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - 3 * HOUR
    late = [trade(int((hour - START).total_seconds()) + number) for number in range(3)]
    work = Worked(context, {"failed": [hour.isoformat()]}, {"hours_repaired": 1}, {"hours_repaired": 1})
    states: list[str] = []

    def look(context: ServiceContext, hours: Hours, hold: WorkHold) -> dict[str, Any] | str | None:
        states.append(context.heartbeat.state)
        lay(settings.trades_lake, [late[len(states) - 1]], first_offset=len(states))
        return work(context, hours, hold)

    assert service.run_loop(context, look, interval_s=0.01, first_s=0.0) == 0
    assert work.asked == [None, {hour}, {hour}], "at once when it gets another file, as by `lake restore`"
    assert states == ["ready", "degraded", "ready"]


def test_what_fails_as_a_whole_is_tried_again_after_twice_as_long(tmp_path: Path, monkeypatch: Any) -> None:
    context = made(tmp_path)
    settings = context.settings
    lay(settings.trades_lake, [trade(1)])
    clock, at = count(), list[float]()
    monkeypatch.setattr(service, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    work = Worked(context, *[None] * 8)

    def failing(context: ServiceContext, hours: Hours, hold: WorkHold) -> dict[str, Any] | str | None:
        at.append(float(next(clock)))
        return work(context, hours, hold)

    service.run_loop(context, failing, interval_s=0.0, first_s=0.0)
    waits = [later - before for before, later in pairwise(at)]
    wanted = [120, 240, 480, 960, 1920, 3600, 3600]
    assert all(abs(wait - right) < 10 for wait, right in zip(waits, wanted, strict=True)), waits


def test_while_the_trades_need_the_machine_nothing_is_begun_and_then_all_of_it(tmp_path: Path) -> None:
    context = made(tmp_path)
    lay(context.settings.trades_lake, [trade(1)])
    work, details = Worked(context, {"hours_repaired": 1}), list[str]()
    lags = iter((overload.SINK_LAG + 1, overload.SINK_LAG + 1, overload.SINK_LAG))

    def calm() -> None:
        heartbeat.write_heartbeat(tmp_path, Heartbeat("sink", state="ready", numbers={"lag": next(lags, 0)}))
        details.append(context.heartbeat.detail)

    stop, wait = context.stop, context.stop.wait
    stop.wait = lambda timeout=None: calm() or wait(timeout)  # type: ignore[method-assign,func-returns-value]
    assert service.run_loop(context, work, interval_s=0.01, first_s=0.0) == 0
    assert (work.asked, len(details)) == ([None], 3), "twice it waited, all is still due"
    assert details[1] == "the repair waits: sink is 10,001 messages behind"


def test_a_process_at_work_is_ended_when_the_stream_falls_behind(tmp_path: Path, monkeypatch: Any) -> None:
    context = made(tmp_path)
    for name, value in (("ASK_S", 0.0), ("POLL_S", 0.05), ("END_AFTER_S", 0.1)):
        monkeypatch.setattr(work_process, name, value)
    pid = tmp_path / "pid"
    script = f"import os, pathlib, time; pathlib.Path({str(pid)!r}).write_text(str(os.getpid())); time.sleep(3600)"

    def falls_behind() -> None:
        while not pid.exists():
            time.sleep(0.01)
        heartbeat.write_heartbeat(
            tmp_path, Heartbeat("stream", state="degraded", numbers={"behind_since": time.time() - 60})
        )

    heartbeat.write_heartbeat(tmp_path, Heartbeat("stream", state="ready"))
    thread = threading.Thread(target=falls_behind)
    thread.start()
    why = work_process.run_command(context, [sys.executable, "-c", script], WorkHold(tmp_path))
    thread.join()
    assert isinstance(why, str) and why.startswith("stream has been behind for 6")
    assert not Path(f"/proc/{pid.read_text()}").exists(), "it was waited for"


def test_work_is_held_back_for_two_hours_and_then_neither_held_nor_ended(tmp_path: Path, monkeypatch: Any) -> None:
    now = [0.0]
    monkeypatch.setattr(work_process, "time", SimpleNamespace(monotonic=lambda: now[0]))
    hold = WorkHold(tmp_path)
    told = Heartbeat("stream", state="degraded", numbers={"behind_since": time.time()})
    for now[0], held in ((0.0, True), (overload.LONGEST_WAIT_S - 1, True), (overload.LONGEST_WAIT_S + 1, False)):
        heartbeat.write_heartbeat(tmp_path, told)
        assert bool(hold.reason_to_wait()) == held
    hold.reset()
    assert hold.reason_to_wait(), "the next work waits anew"


def test_what_another_recomputation_keeps_waiting_is_asked_for_again(tmp_path: Path, monkeypatch: Any) -> None:
    context = made(tmp_path)
    monkeypatch.setattr(service, "AGAIN_S", 0.0)
    lay(context.settings.trades_lake, [trade(1)])
    work = Worked(context, "another recomputation runs", {"hours_repaired": 1})
    service.run_loop(context, work, interval_s=0.01, first_s=0.0)
    assert work.asked == [None, None]
