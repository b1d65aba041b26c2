"""When the repair service starts the processes that it has run each minute."""

import threading
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from whale_platform.repair import minute_passes
from whale_platform.repair.minute_passes import EVERY_S, LONGEST_S, MinutePasses
from whale_platform.repair.work_process import WorkHold
from whale_platform.settings import Settings
from whale_platform.stores.errors import StoreUnavailableError
from whale_platform.supervision.control import overload
from whale_platform.supervision.runtime import heartbeat
from whale_platform.supervision.runtime.heartbeat import Heartbeat
from whale_platform.supervision.runtime.runner import ServiceContext

Result = dict[str, Any] | str | None


class Bench:
    """Seconds that pass only when they are added; `begun` are the times at which a process was started."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch, *results: Result) -> None:
        self.now, self.begun, self.answers = 0.0, list[float](), list[dict[str, Any]]()
        self.due, self.trouble = True, False
        self._results = list(results)
        monkeypatch.setattr(minute_passes, "time", SimpleNamespace(monotonic=lambda: self.now))
        settings = Settings.model_validate({"home": home})
        context = ServiceContext(settings, Heartbeat("repair"), structlog.get_logger(), threading.Event())
        self._passes = MinutePasses(context, self, self._run)

    def find_command(self) -> Sequence[str] | None:
        if self.trouble:
            raise StoreUnavailableError("unavailable")
        return ["command"] if self.due else None

    def take_answer(self, done: dict[str, Any]) -> None:
        self.answers.append(done)

    def let_pass(self, seconds: float) -> None:
        for _ in range(int(seconds / 20)):
            self.now += 20
            self._passes.run_if_due()

    def _run(self, context: ServiceContext, command: Sequence[str], hold: WorkHold) -> Result:
        assert command == ["command"]
        self.begun.append(self.now)
        return self._results.pop(0)

    def find_waits(self) -> list[float]:
        return [later - before for before, later in zip(self.begun, self.begun[1:], strict=False)]


def test_a_process_is_started_each_minute_while_there_is_something_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, monkeypatch, {"done": 1}, {"done": 2}, {"done": 3})
    bench.let_pass(3 * EVERY_S)
    assert bench.begun == [EVERY_S, 2 * EVERY_S, 3 * EVERY_S]
    assert bench.answers == [{"done": 1}, {"done": 2}, {"done": 3}]
    bench.due = False
    bench.let_pass(5 * EVERY_S)
    assert len(bench.begun) == 3


def test_what_fails_is_tried_again_each_time_after_twice_as_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, monkeypatch, *[None] * 7, "the stream is behind", *[{"done": 1}] * 2)
    bench.let_pass(3 * LONGEST_S + 300)
    waits = bench.find_waits()
    assert waits[:7] == [120, 240, 480, 960, 1920, 3600, 3600]
    assert waits[7:] == [EVERY_S, EVERY_S], "it made way for the trades"
    assert bench.answers == [{"done": 1}] * 2


def test_an_unavailable_store_is_waited_for_in_the_same_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path, monkeypatch, {"done": 1})
    bench.trouble = True
    bench.let_pass(EVERY_S)
    bench.trouble = False
    bench.let_pass(100)
    assert bench.begun == []
    bench.let_pass(20)
    assert bench.begun == [180]


def test_nothing_is_begun_while_the_trades_need_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path, monkeypatch, {"done": 1})
    heartbeat.write_heartbeat(tmp_path, Heartbeat("sink", state="ready", numbers={"lag": overload.SINK_LAG + 1}))
    bench.let_pass(2 * EVERY_S)
    assert bench.begun == []
    heartbeat.write_heartbeat(tmp_path, Heartbeat("sink", state="ready", numbers={"lag": 0}))
    bench.let_pass(20)
    assert bench.begun == [2 * EVERY_S + 20]
