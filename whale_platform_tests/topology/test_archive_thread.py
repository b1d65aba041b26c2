import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from whale_platform import homes
from whale_platform.embedded import kafka
from whale_platform.settings import Settings
from whale_platform.stream.spark import archive
from whale_platform.supervision.errors import SetupProgramError
from whale_platform.supervision.processes import setup_programs
from whale_platform.toolchain.errors import ToolchainError
from whale_platform.topology import archive_thread, home_state

BROKER, SPARK = "whale_platform.embedded.broker_archive", "whale_platform.stream.spark.archive"


class Archive:
    """What the thread asks of the archive."""

    def __init__(self, settled: bool) -> None:
        self.settled = settled

    def is_settled(self) -> bool:
        return self.settled


def run_thread(settings: Settings) -> None:
    thread = archive_thread.start_archive_thread(settings)
    thread.join(60)
    assert not thread.is_alive()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=homes.open_home(tmp_path, "simulator").path)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens, in order: the looks at the platform, ready at the third one, and the program that is run."""
    happened: list[str] = []

    def look(home: homes.Home) -> dict[str, Any]:
        happened.append("look")
        return {}

    def run(argv: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        happened.append(argv[2])
        return subprocess.CompletedProcess(argv, 1, "", "the disk is full\n")

    monkeypatch.setattr(archive_thread, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(archive_thread, "SPARK_AFTER_S", 0.0)
    monkeypatch.setattr(home_state, "take_snapshot", look)
    monkeypatch.setattr(
        home_state,
        "status_exit_code",
        lambda state: home_state.ALL_READY if len(happened) >= 3 else home_state.NOT_READY,
    )
    monkeypatch.setattr(setup_programs, "run_program", run)
    for module in (kafka, archive):
        monkeypatch.setattr(module, "find_archive", lambda tools: Archive(settled=False))
    return happened


def test_archives_are_made_only_when_the_platform_is_ready(settings: Settings, seen: list[str]) -> None:
    run_thread(settings)
    assert seen == ["look", "look", "look", BROKER, SPARK]


def test_a_home_without_a_broker_of_its_own_makes_none_for_it(settings: Settings, seen: list[str]) -> None:
    run_thread(settings.model_copy(update={"kafka_bootstrap": settings.bootstrap}))
    assert seen == [SPARK]


def test_a_driver_on_a_cluster_needs_none(settings: Settings, seen: list[str]) -> None:
    run_thread(settings.model_copy(update={"spark_master": "spark://master:7077"}))
    assert seen == ["look", "look", "look", BROKER]


def test_the_drivers_is_made_once_that_driver_has_run_for_a_while(
    settings: Settings, seen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = archive.ListedClasses(settings.home)
    ages = [None, 290, 5, 299, 301]  # seconds: it is not there yet, then restarts once

    def wait(_: float) -> None:
        if (age := ages.pop(0)) is not None:
            listed.classpath.parent.mkdir(exist_ok=True)
            listed.classpath.touch()
            os.utime(listed.classpath, (time.time() - age,) * 2)

    monkeypatch.setattr(archive_thread, "SPARK_AFTER_S", 300.0)
    monkeypatch.setattr(archive_thread, "time", SimpleNamespace(sleep=wait))
    run_thread(settings.model_copy(update={"kafka_bootstrap": settings.bootstrap}))
    assert (ages, seen) == ([], [SPARK])


def test_nothing_is_run_where_nothing_is_left_to_make(
    settings: Settings, seen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (kafka, archive):
        monkeypatch.setattr(module, "find_archive", lambda tools: Archive(settled=True))
    run_thread(settings)
    assert seen == []


@pytest.mark.parametrize("error", [ToolchainError("no jars"), SetupProgramError("about to stop"), OSError("no disk")])
def test_what_fails_ends_the_thread_without_a_trace(
    settings: Settings, seen: list[str], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(argv: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        raise error

    monkeypatch.setattr(setup_programs, "run_program", fail)
    run_thread(settings)  # an exception that leaves a thread fails the test
