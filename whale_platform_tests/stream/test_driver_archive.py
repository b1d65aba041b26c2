"""What is made of no list of classes, or a wrong one: test_lake.py has the archive made, test_kills.py has it used."""

from pathlib import Path

import pytest

from whale_platform.stream.spark import archive


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "NICE", 0)


def test_without_a_list_nothing_is_made(tmp_path: Path) -> None:
    assert archive.main(tmp_path / "tools", tmp_path / "home") == 0
    assert not (tmp_path / "tools").exists()


def test_what_fails_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = archive.ListedClasses(tmp_path / "home")
    listed.classpath.parent.mkdir(parents=True)
    listed.classpath.write_text("a.jar")
    assert archive.main(tmp_path / "tools", tmp_path / "home") == 1
    assert capsys.readouterr().err.startswith("no class data archive of Spark's driver: 5 jars are missing")
