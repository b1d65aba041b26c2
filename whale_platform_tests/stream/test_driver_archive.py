"""The class data archive of Spark's driver: listed by one driver, made of the list, mapped by the next."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from whale_platform.settings import Settings
from whale_platform.stream.spark import archive
from whale_platform_tests.support.kafka_server import environment, skip_without_jars

FEW = 1_000  # classes: enough to see, and dumped in seconds
DRIVER = """
from pathlib import Path
from pyspark import SparkContext
from whale_platform.settings import Settings
from whale_platform.stream.spark.session import build_session
session = build_session(Settings())
print("spark.jsa" in Path(f"/proc/{SparkContext._gateway.proc.pid}/maps").read_text(), session.range(3).count())
session.stop()
"""


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "NICE", 0)


def run_driver(settings: Settings) -> str:
    """Start a driver and let it compute something; returns whether it has mapped an archive, and the result."""
    argv = [sys.executable, "-c", DRIVER]
    done = subprocess.run(argv, env=environment(settings), stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.server
def test_a_driver_lists_its_classes_and_the_next_one_maps_them(tmp_path: Path) -> None:
    skip_without_jars()
    tools = tmp_path / "the tools"
    shutil.copytree(Settings().tools / "jars", tools / "jars")
    settings = Settings(home=tmp_path / "a home", tools=tools)
    assert run_driver(settings) == "False 3"
    listed = archive.ListedClasses(settings.home)
    listed.classes.write_text("".join(listed.classes.read_text().splitlines(keepends=True)[:FEW]))
    assert archive.main(tools, settings.home) == 0
    assert run_driver(settings) == "True 3"
    assert len(listed.classes.read_text().splitlines()) == FEW, "it has listed nothing"


def test_without_a_list_nothing_is_made(tmp_path: Path) -> None:
    assert archive.main(tmp_path / "tools", tmp_path / "home") == 0
    assert not (tmp_path / "tools").exists()


def test_what_fails_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = archive.ListedClasses(tmp_path / "home")
    listed.classpath.parent.mkdir(parents=True)
    listed.classpath.write_text("a.jar")
    assert archive.main(tmp_path / "tools", tmp_path / "home") == 1
    assert capsys.readouterr().err.startswith("no class data archive of Spark's driver: 5 jars are missing")
