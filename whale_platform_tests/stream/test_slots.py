"""Too few task slots: made on this machine, waited for on a cluster, never a reason to end."""

import socket
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from whale_platform.settings import Settings
from whale_platform.storage import folders
from whale_platform.stream import slots
from whale_platform.stream.spark import cluster, session
from whale_platform.toolchain import shuffle_bind
from whale_platform.toolchain.errors import ToolchainError

NEEDED = 8  # two for each of three partitions, the reducer's, the lake's
WITH_COVER = 11  # and one more for each partition


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
    """What the waits need of a ServiceContext."""

    def __init__(self, master: str) -> None:
        self.settings, self.log, self.stop = Settings(spark_master=master), structlog.get_logger(), threading.Event()
        self.told: list[tuple[str, str]] = []
        self.rounds = 0

    def record_progress(self, next_within_s: float) -> None:
        self.rounds += 1

    def report_state(self, *said: str) -> None:
        self.told.append((said[0], said[1]))


def with_slots(context: Any, spark: Any) -> Any:
    return slots.ensure_slots(context, spark, 3)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "EVERY_S", 0.0)
    monkeypatch.setattr(slots, "PROBE_EVERY_S", 0.0)


def test_workers_that_come_late_are_waited_for_and_then_have_to_see_the_folders(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = ["Spark's executors do not see the folder", "", ""]
    asked: list[Path] = []

    def unshared(spark: Any, folder: Path, wanted: int) -> str:
        asked.append(folder)
        return answers.pop(0)

    monkeypatch.setattr(cluster, "explain_unshared", unshared)
    spark, context = Spark(2, 4, NEEDED), Context("spark://master:7077")
    assert with_slots(context, spark) is spark
    assert [(state, detail.partition(":")[0]) for state, detail in context.told] == [
        ("degraded", "Spark's workers have 2 of the 8 task slots that are needed"),
        ("degraded", "Spark's workers have 4 of the 8 task slots that are needed"),
        ("degraded", "Spark's executors do not see the folder"),
    ]
    home, lake = context.settings.stream_home, context.settings.trades_lake.parent
    assert (asked, spark.stopped) == ([home, home, lake], False)
    assert context.rounds == len(context.told), "who waits says that it gets on, or its supervisor ends it"


@pytest.mark.parametrize("master", ["local[8]", "spark://master:7077"])
def test_an_object_store_that_refuses_is_named_and_waited_for(monkeypatch: pytest.MonkeyPatch, master: str) -> None:
    answers = {"s3://bucket/x": ["it refused", ""], "s3://bucket/x/lake": [""]}
    monkeypatch.setattr(folders, "explain_unusable", lambda folder: answers[str(folder)].pop(0))
    monkeypatch.setattr(cluster, "explain_unshared", lambda *_: "")
    spark, context = Spark(WITH_COVER), Context(master)
    given = {"shared": "s3://bucket/x", "s3_key": "AKIA", "s3_secret": "none", "spark_master": master}
    context.settings = Settings.model_validate(given)
    assert with_slots(context, spark) is spark
    assert context.told == [("degraded", "it refused; waiting")]
    assert answers == {"s3://bucket/x": [], "s3://bucket/x/lake": []}


def test_each_wait_ends_with_the_service() -> None:
    spark, context = Spark(2), Context("spark://127.0.0.1:1")
    context.stop.set()
    assert with_slots(context, spark) is spark
    waiting: Any = context
    slots.wait_for_master(waiting)


def test_a_master_that_is_away_is_named_until_any_of_them_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert cluster.is_master_reachable(f"spark://127.0.0.1:1,127.0.0.1:{port}")
    context: Any = Context(f"spark://127.0.0.1:{port}")
    context.report_state = lambda *said: (context.told.append(said), context.stop.set())
    slots.wait_for_master(context)
    assert context.told == [("degraded", f"the Spark master spark://127.0.0.1:{port} is unavailable, connecting again")]
    assert cluster.is_master_reachable("k8s://https://127.0.0.1:1"), "only a standalone master is asked"


@pytest.mark.parametrize("master", ["local[2]", "local", "local[*]", "local[7,4]"])
def test_on_one_machine_as_many_as_needed_are_made(monkeypatch: pytest.MonkeyPatch, master: str) -> None:
    made = SimpleNamespace()
    built: list[str] = []

    def build(settings: Settings, master: str) -> SimpleNamespace:
        built.append(master)
        return made

    monkeypatch.setattr(session, "build_session", build)
    few, enough = Spark(WITH_COVER - 1), Spark(WITH_COVER)
    assert with_slots(Context(master), few) is made
    assert (built, few.stopped) == (["local[11]"], True)
    assert with_slots(Context(master), enough) is enough
    assert (len(built), enough.stopped) == (1, False)


def conf(**given: Any) -> dict[str, str]:
    settings = Settings.model_validate({"spark_master": "spark://master:7077", "tools": "/here/tools", **given})
    return cluster.executor_settings(settings, [Path("/here/tools/classes"), Path("/here/tools/jars/a.jar")])


def test_executors_are_what_the_settings_say() -> None:
    plain = conf()
    assert plain["spark.executor.memory"] == "1g"
    assert plain["spark.executor.extraClassPath"] == "/here/tools/classes:/here/tools/jars/a.jar"
    assert f"-D{shuffle_bind.PROPERTY}=127.0.0.1" in plain["spark.executor.extraJavaOptions"].split()
    assert not {"spark.cores.max", "spark.executor.cores"} & set(plain)
    given = conf(
        spark_cores=12,
        spark_executor_cores=6,
        spark_executor_memory="2g",
        spark_executor_tools="/there",
        spark_driver_host="stream",
        bind="0.0.0.0",
    )
    assert (given["spark.cores.max"], given["spark.executor.cores"], given["spark.executor.memory"]) == (
        "12",
        "6",
        "2g",
    )
    assert given["spark.executor.extraClassPath"] == "/there/classes:/there/jars/a.jar"
    assert f"-D{shuffle_bind.PROPERTY}=0.0.0.0" in given["spark.executor.extraJavaOptions"].split()


def test_a_driver_that_executors_could_not_reach_is_refused() -> None:
    with pytest.raises(ToolchainError, match="WHALE_BIND"):
        cluster.bind_address(Settings(spark_driver_host="stream"))


@pytest.mark.parametrize("wrong", [{"spark_executor_memory": "1 GB"}, {"spark_cores": 0}, {"stream_reducers": 0}])
def test_a_wrong_setting_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Settings(**wrong)


def test_the_lake_and_the_checkpoints_lie_on_the_shared_folder(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", shared=tmp_path / "shared")
    assert (settings.stream_home, settings.trades_lake) == (
        tmp_path / "shared",
        tmp_path / "shared" / "lake" / "trades",
    )
    apart = Settings(home=tmp_path / "home", shared=tmp_path / "shared", lake=tmp_path / "lake")
    assert apart.trades_lake == tmp_path / "lake" / "trades"
    assert Settings(home=tmp_path).stream_home == tmp_path
