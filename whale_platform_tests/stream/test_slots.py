"""Too few task slots: made on this machine, waited for on a cluster, never a reason to end."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from whale_platform.settings import Settings
from whale_platform.stream import session

NEEDED = 8  # two for each of three partitions, the reducer's, the lake's


class Spark:
    """A session, and its context, whose cluster has the next of `slots` at each look; the last one stays."""

    def __init__(self, *slots: int) -> None:
        self.slots, self.stopped, self.sparkContext = list(slots), False, self

    @property
    def defaultParallelism(self) -> int:
        return self.slots.pop(0) if len(self.slots) > 1 else self.slots[0]

    def stop(self) -> None:
        self.stopped = True


class Context:
    """What `with_slots` needs of a ServiceContext."""

    def __init__(self, master: str) -> None:
        self.settings, self.log, self.stop = Settings(spark_master=master), structlog.get_logger(), threading.Event()
        self.told: list[tuple[str, str]] = []

    def tell(self, *said: str) -> None:
        self.told.append((said[0], said[1]))


def with_slots(context: Any, spark: Any) -> Any:
    return session.with_slots(context, spark, 3, 1)


def test_executors_that_come_late_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "SLOTS_EVERY_S", 0.0)
    spark, context = Spark(2, 4, NEEDED), Context("spark://master:7077")
    assert with_slots(context, spark) is spark
    assert [(state, detail.partition(":")[0]) for state, detail in context.told] == [
        ("starting", "waiting for 8 task slots, 2 are there"),
        ("starting", "waiting for 8 task slots, 4 are there"),
    ]
    assert not spark.stopped


def test_the_wait_ends_with_the_service() -> None:
    spark, context = Spark(2), Context("spark://master:7077")
    context.stop.set()
    assert with_slots(context, spark) is spark


@pytest.mark.parametrize("master", ["local[2]", "local", "local[*]", "local[7,4]"])
def test_on_one_machine_as_many_as_needed_are_made(monkeypatch: pytest.MonkeyPatch, master: str) -> None:
    made = SimpleNamespace()
    built: list[str] = []

    def build(settings: Settings, partitions: int, master: str) -> SimpleNamespace:
        built.append(master)
        return made

    monkeypatch.setattr(session, "build", build)
    few, enough = Spark(NEEDED - 1), Spark(NEEDED)
    assert with_slots(Context(master), few) is made
    assert (built, few.stopped) == (["local[8]"], True)
    assert with_slots(Context(master), enough) is enough
    assert (len(built), enough.stopped) == (1, False)
