import os
from pathlib import Path

import pytest

from whale_platform.supervision.errors import SetupProgramError
from whale_platform.toolchain import java
from whale_platform.toolchain.class_archive import ClassArchive

DUMPS = """#!/bin/sh
[ "$1" != -version ] || { echo "build 17.0.1" $JAVA_TOOL_OPTIONS >&2; exit 0; }
for argument do
  case "$argument" in
    -XX:SharedClassListFile=*) classes="${argument#*=}" ;;
    -XX:SharedArchiveFile=*) archive="${argument#*=}" ;;
  esac
done
cat "$classes" > "$archive"
"""
OTHER_BUILD = DUMPS.replace("17.0.1", "17.0.2")
REFUSES = DUMPS + "echo 'Shared spaces are not supported in this VM' >&2; exit 1\n"
FULL_DISK = DUMPS + "echo 'Unable to write to shared archive file.' >&2; rm \"$archive\"; exit 1\n"


class Machine:
    """A Java, a jar and an archive of a program whose one class is listed; `trained`: how often it was run."""

    def __init__(self, folder: Path) -> None:
        self.java, self.jar, self.trained = folder / "java", folder / "a.jar", 0
        self.jar.write_bytes(b"classes")
        self.install(DUMPS)
        command, classpath = [str(self.java), "-Xmx64m"], os.pathsep.join([str(self.jar), str(self.jar)])
        self.archive = ClassArchive(folder / "tools", "program", command, classpath)

    def install(self, text: str) -> None:
        fresh = self.java.with_suffix(".new")
        fresh.write_text(text)
        fresh.chmod(0o755)
        fresh.replace(self.java)
        java.read_build.cache_clear()

    def train(self, options: list[str]) -> None:
        self.trained += 1
        (option,) = options
        Path(option.removeprefix("-XX:DumpLoadedClassList=")).write_text("java/lang/Object\n")

    def make(self) -> None:
        self.archive.ensure_made(self.train)

    def files(self) -> list[str]:
        return sorted(path.name for path in self.archive.file.parent.iterdir())


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_an_archive_is_made_once_and_used(machine: Machine) -> None:
    assert machine.archive.read_options() == []
    machine.make()
    machine.make()
    assert machine.trained == 1
    assert machine.archive.read_options() == [f"-XX:SharedArchiveFile={machine.archive.file}"]
    assert machine.archive.file.read_text() == "java/lang/Object\n"
    assert machine.files() == ["program.jsa", "program.json", "program.lock"]


def test_one_that_is_cut_short_is_not_used_and_made_again(machine: Machine) -> None:
    machine.make()
    os.truncate(machine.archive.file, 5)
    assert machine.archive.read_options() == []
    machine.make()
    assert (machine.trained, len(machine.archive.read_options())) == (2, 1)


def test_one_without_a_note_that_can_be_read_is_not_used(machine: Machine) -> None:
    machine.make()
    note = machine.archive.file.with_suffix(".json")
    for text in ("", "{", "[]", "{}", '{"bytes": 17}'):
        note.write_text(text)
        assert machine.archive.read_options() == []
    note.unlink()
    assert machine.archive.read_options() == []


def test_one_of_another_java_or_jar_is_not_used(machine: Machine) -> None:
    machine.make()
    machine.install(OTHER_BUILD)
    assert machine.archive.read_options() == []
    machine.install(DUMPS)
    assert len(machine.archive.read_options()) == 1
    os.utime(machine.jar, ns=(1, 1))
    assert machine.archive.read_options() == []
    machine.jar.unlink()
    assert machine.archive.read_options() == []


def test_options_in_the_environment_make_it_no_other_java(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.make()
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Dany=1")
    java.read_build.cache_clear()
    assert len(machine.archive.read_options()) == 1


def test_one_is_made_of_what_a_running_program_has_listed(machine: Machine, tmp_path: Path) -> None:
    listed = tmp_path / "listed"
    with pytest.raises(FileNotFoundError):
        machine.archive.make_from(listed, "a.jar")
    listed.write_text("java/lang/Object\njava/lang/String\njava/la")
    machine.archive.make_from(listed, "a.jar")
    listed.write_text("java/lang/Long\n")
    machine.archive.make_from(listed, "a.jar")
    assert machine.archive.file.read_text() == "java/lang/Object\njava/lang/String\n"
    assert (machine.trained, len(machine.archive.read_options())) == (0, 1)
    assert machine.files() == ["program.jsa", "program.json", "program.lock"]


def test_a_java_that_makes_none_is_asked_once(machine: Machine) -> None:
    machine.install(REFUSES)
    machine.make()
    machine.make()
    assert (machine.trained, machine.archive.read_options()) == (1, [])
    assert machine.files() == ["program.json", "program.lock"]
    machine.install(DUMPS.replace("17.0.1", "17.0.3"))
    machine.make()
    assert (machine.trained, len(machine.archive.read_options())) == (2, 1)


@pytest.mark.parametrize(
    ("fails", "said"),
    [(DUMPS + "kill -9 $$\n", "ended with -9.*no message"), (FULL_DISK, "ended with 1.*Unable to write")],
)
def test_a_java_that_fails_is_asked_again_and_costs_no_archive(machine: Machine, fails: str, said: str) -> None:
    machine.make()
    os.utime(machine.jar, ns=(1, 1))
    machine.install(fails)
    with pytest.raises(SetupProgramError, match=said):
        machine.make()
    assert machine.files() == ["program.jsa", "program.json", "program.lock"], "what other jars made is as it was"
    machine.install(DUMPS)
    machine.make()
    assert len(machine.archive.read_options()) == 1


def test_a_program_that_fails_leaves_nothing(machine: Machine) -> None:
    def fail(options: list[str]) -> None:
        machine.train(options)
        raise RuntimeError("no port")

    with pytest.raises(RuntimeError, match="no port"):
        machine.archive.ensure_made(fail)
    assert machine.files() == ["program.lock"]


def test_what_a_kill_left_is_no_archive(machine: Machine) -> None:
    machine.archive.file.parent.mkdir(parents=True)
    machine.archive.file.write_text("java/lang/Object\n")  # killed between archive and note
    machine.archive.file.with_suffix(".new").write_text("java/la")
    assert machine.archive.read_options() == []
    machine.make()
    assert (machine.trained, len(machine.archive.read_options())) == (1, 1)
    assert machine.files() == ["program.jsa", "program.json", "program.lock"]
