import threading
from typing import Any, cast

import pytest
from py4j.protocol import Py4JError
from pyspark.sql import DataFrame

from whale_platform.stream.spark import warm_up
from whale_platform.stream.spark.warm_up import start_warm_up


class Frame:
    """Counts how often it is planned; fails from the `fails_at`th time on."""

    def __init__(self, fails_at: int = 10**9) -> None:
        self.planned, self._fails_at = 0, fails_at

    @property
    def _jdf(self) -> Any:
        return self

    def queryExecution(self) -> "Frame":
        return self

    def executedPlan(self) -> None:
        self.planned += 1
        if self.planned >= self._fails_at:
            raise Py4JError("the JVM is gone")


def built(frame: Frame) -> Any:
    return lambda: cast(DataFrame, frame)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_up, "EVERY_S", 0.0)


def test_every_query_is_planned_many_times() -> None:
    frames = [Frame(), Frame()]
    start_warm_up(map(built, frames), threading.Event(), lambda: True).join(300)
    assert [frame.planned for frame in frames] == [warm_up.PLAN_TIMES] * 2


def test_it_ends_when_stopped_or_when_the_jvm_has_gone() -> None:
    stopped, stop, broken = Frame(), threading.Event(), Frame(fails_at=3)
    stop.set()
    start_warm_up([built(stopped)], stop, lambda: False).join(300)
    start_warm_up([built(broken)], threading.Event(), lambda: True).join(300)
    assert (stopped.planned, broken.planned) == (0, 3)
