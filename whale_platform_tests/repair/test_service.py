"""The repair service's loop over a real lake: what makes it look, and what happens to what failed."""

import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import structlog

from whale_platform.repair import service
from whale_platform.repair.touched import Touched
from whale_platform.settings import Settings
from whale_platform.supervision.beat import Beat
from whale_platform.supervision.service import ServiceContext
from whale_platform_tests.lake.samples import START, lay, trade

HOUR = timedelta(hours=1)
Hours = Iterable[datetime] | None


def test_an_hour_that_gets_a_file_is_touched_once(tmp_path: Path) -> None:
    root = tmp_path / "trades"
    log = Touched(root)
    assert log.look() == set(), "there is no lake yet"
    lay(root, [trade(1)])
    assert log.look() is None, "what came before the first look may be in any hour"
    assert log.look() == set()
    lay(root, [trade(2), trade(3, every_s=2400)], first_offset=1)
    lay(root, [trade(4)], first_offset=3)
    assert log.look() == {START, START + 2 * HOUR}
    lay(root, [trade(5)], first_offset=4)
    lay(root, [trade(6)], first_offset=5)
    sorted((root / "_delta_log").glob("0*.json"))[-2].unlink()  # as the log's own clean-up after two days
    assert log.look() is None


class Worked:
    """What the service asked for; `answers` are given one after the other, then the service is stopped."""

    def __init__(self, context: ServiceContext, *answers: dict[str, Any] | None) -> None:
        self.asked: list[set[datetime] | None] = []
        self._context, self._answers = context, list(answers)

    def __call__(self, context: ServiceContext, hours: Hours) -> dict[str, Any] | None:
        self.asked.append(None if hours is None else set(hours))
        answer = self._answers.pop(0)
        if not self._answers:
            self._context.stop.set()
        return answer


def test_closed_hours_with_new_files_are_asked_for_and_what_fails_again(tmp_path: Path, monkeypatch: Any) -> None:
    settings = Settings.model_validate({"home": tmp_path})
    context = ServiceContext(settings, Beat("repair"), structlog.get_logger(), threading.Event())
    monkeypatch.setattr(service, "AGAIN_S", 0.0)
    root = settings.trades_lake
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    ahead, late = (int((at - START).total_seconds()) for at in (hour + HOUR / 2, hour - 3 * HOUR))
    lay(root, [trade(1)])
    work = Worked(context, {"hours_repaired": 1}, None, {"hours_repaired": 2})

    class Late(Worked):
        def __call__(self, context: ServiceContext, hours: Hours) -> dict[str, Any] | None:
            if not work.asked:
                lay(root, [trade(2), trade(late), trade(ahead)], first_offset=1)
            return work(context, hours)

    assert service.run(context, Late(context), look_s=0.01, first_s=0.0) == 0
    wanted = {hour - 3 * HOUR}
    assert work.asked == [None, wanted, wanted], "all once, then what is new, over and not too old; what failed again"


def test_an_hour_that_fails_by_itself_is_told_and_keeps_no_other_waiting(tmp_path: Path) -> None:
    settings = Settings.model_validate({"home": tmp_path})
    context = ServiceContext(settings, Beat("repair"), structlog.get_logger(), threading.Event())
    lay(settings.trades_lake, [trade(1)])
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - 3 * HOUR
    late = [trade(int((hour - START).total_seconds()) + number) for number in range(3)]
    work = Worked(context, {"failed": [hour.isoformat()]}, {"hours_repaired": 1}, {"hours_repaired": 1})
    states: list[str] = []

    def look(context: ServiceContext, hours: Hours) -> dict[str, Any] | None:
        states.append(context.beat.state)
        lay(settings.trades_lake, [late[len(states) - 1]], first_offset=len(states))
        return work(context, hours)

    assert service.run(context, look, look_s=0.01, first_s=0.0) == 0
    assert work.asked == [None, {hour}, {hour}], "at once when it gets another file, as by `lake restore`"
    assert states == ["ready", "degraded", "ready"]


def test_what_fails_as_a_whole_is_tried_again_after_twice_as_long(tmp_path: Path, monkeypatch: Any) -> None:
    settings = Settings.model_validate({"home": tmp_path})
    context = ServiceContext(settings, Beat("repair"), structlog.get_logger(), threading.Event())
    lay(settings.trades_lake, [trade(1)])
    clock, at = count(), list[float]()
    monkeypatch.setattr(service, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    work = Worked(context, *[None] * 8)

    def failing(context: ServiceContext, hours: Hours) -> dict[str, Any] | None:
        at.append(float(next(clock)))
        return work(context, hours)

    service.run(context, failing, look_s=0.0, first_s=0.0)
    waits = [later - before for before, later in pairwise(at)]
    wanted = [120, 240, 480, 960, 1920, 3600, 3600]
    assert all(abs(wait - right) < 10 for wait, right in zip(waits, wanted, strict=True)), waits
