"""The broker's class data archive on real brokers: mapped where it fits, and no start depends on it."""

import os
import shutil
from pathlib import Path

import pytest

from whale_platform.embedded import broker_archive, kafka
from whale_platform.settings import Settings
from whale_platform.toolchain import jars, java
from whale_platform.toolchain.class_archive import ClassArchive
from whale_platform_tests.support.embedded_servers import StartServer

pytestmark = pytest.mark.server


@pytest.fixture
def archive(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClassArchive:
    """A copy of the archive for these tests to damage, which the broker's commands name."""
    made = kafka.find_archive(tools)
    classpath = jars.build_broker_classpath(tools)
    copy = ClassArchive(tmp_path, "kafka", [str(java.find_java(tools)), *kafka._JVM], classpath)
    shutil.copytree(made.file.parent, copy.file.parent)
    monkeypatch.setattr(kafka, "find_archive", lambda tools: copy)
    return copy


def start_broker(settings: Settings, start: StartServer) -> bool:
    """Format, start and end a broker; returns whether it has mapped an archive."""
    kafka.prepare_broker(settings)
    broker = start(kafka.broker_command(settings), settings.kafka_port)
    return "kafka.jsa" in Path(f"/proc/{broker.pid}/maps").read_text()


def test_the_broker_maps_the_archive(settings: Settings, archive: ClassArchive, start: StartServer) -> None:
    assert start_broker(settings, start)


def test_one_cut_short_is_left_aside(settings: Settings, archive: ClassArchive, start: StartServer) -> None:
    archive.file.chmod(0o600)
    os.truncate(archive.file, archive.file.stat().st_size // 2)
    assert not start_broker(settings, start)


def test_one_that_java_refuses_does_not_keep_the_broker_from_starting(
    settings: Settings, archive: ClassArchive, start: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a Java was replaced by a build that calls itself the same."""
    archive.file.chmod(0o600)
    with archive.file.open("r+b") as file:
        file.write(bytes(4096))
    assert archive.read_options(), "its size is right"
    assert not start_broker(settings, start)


def test_one_of_another_java_is_left_aside(
    settings: Settings, archive: ClassArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert archive.read_options()
    monkeypatch.setattr(java, "read_build", lambda binary: "build 99")
    assert not archive.read_options()


def test_a_tools_folder_that_cannot_be_written_is_one_line(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tools / "jars" / "kafka", tmp_path / "jars" / "kafka", copy_function=os.link)
    (tmp_path / "archives").touch()
    monkeypatch.setenv("WHALE_TOOLS", str(tmp_path))
    monkeypatch.setattr(broker_archive, "NICE", 0)
    assert broker_archive.main() == 1
    assert capsys.readouterr().err.startswith("no class data archive of the broker: ")
