import os
import shutil
import subprocess
from pathlib import Path

import pytest

from whale_platform.embedded import java
from whale_platform.embedded.errors import EmbeddedError

MODULE = "--add-modules=jdk.incubator.vector"


@pytest.fixture(autouse=True)
def _no_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without a system Java, unless the test makes one."""
    for name in ("WHALE_JAVA", "WHALE_JAVA_HOME", "JAVA_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    java.probe.cache_clear()


def make_java(home: Path, version: str, code: int = 0) -> Path:
    """A `java` that says of itself what a real one would."""
    (home / "bin").mkdir(parents=True)
    program = home / "bin" / "java"
    said = f"    java.home = {home}\n    java.specification.version = {version}"
    program.write_text(f"#!/bin/sh\n[ \"$1\" = {MODULE} ] || exit 9\nprintf '%s\\n' '{said}' >&2\nexit {code}\n")
    program.chmod(0o755)
    return home


@pytest.mark.parametrize("version", ["17", "21", "25"])
def test_a_full_java_from_17_on_fits(tmp_path: Path, version: str) -> None:
    home = make_java(tmp_path / "jdk", version)
    assert java.probe(home / "bin" / "java") == home


@pytest.mark.parametrize(("version", "code"), [("11", 0), ("1.8", 0), ("21", 1)])
def test_an_old_or_trimmed_java_does_not(tmp_path: Path, version: str, code: int) -> None:
    assert java.probe(make_java(tmp_path / "jdk", version, code) / "bin" / "java") is None


def test_what_is_no_java_does_not_fit(tmp_path: Path) -> None:
    assert java.probe(tmp_path / "absent") is None


def test_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = tmp_path / "tools"
    assert java.java_home(tools) == tools / "java"
    on_path = make_java(tmp_path / "on_path", "17")
    (tmp_path / "bin" / "java").symlink_to(on_path / "bin" / "java")
    assert java.java_home(tools) == on_path
    monkeypatch.setenv("JAVA_HOME", str(make_java(tmp_path / "old", "11")))
    assert java.java_home(tools) == on_path
    given = make_java(tmp_path / "given", "21")
    monkeypatch.setenv("JAVA_HOME", str(given))
    assert java.java_home(tools) == given
    monkeypatch.setenv("WHALE_JAVA", "bundled")
    assert java.java_home(tools) == tools / "java"
    chosen = make_java(tmp_path / "chosen", "17")
    monkeypatch.setenv("WHALE_JAVA_HOME", str(chosen))
    assert java.java_environment(tools) == {"JAVA_HOME": str(chosen)}


def test_a_chosen_java_that_does_not_fit_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHALE_JAVA_HOME", str(make_java(tmp_path / "old", "11")))
    with pytest.raises(EmbeddedError, match=r"WHALE_JAVA_HOME=.* is no full Java >= 17"):
        java.java_home(tmp_path / "tools")


def test_the_shim_runs_java_without_the_module_it_lacks(tmp_path: Path) -> None:
    shim = java.java_binary(tmp_path / "tools")
    done = subprocess.run([shim, MODULE, "-version"], capture_output=True, text=True, check=True)
    assert "21.0" in done.stderr


def test_the_shim_keeps_the_other_arguments_and_follows_a_moved_environment(tmp_path: Path) -> None:
    shim = java.java_binary(tmp_path / "tools")
    right = shim.read_text()
    echo = shutil.which("printf", path=os.defpath)
    shim.write_text(right.replace(right.split('"')[-4], str(echo)))
    done = subprocess.run([shim, "%s|", "a b", MODULE, "", "-c"], capture_output=True, text=True, check=True)
    assert done.stdout == "a b||-c|"
    assert java.java_binary(tmp_path / "tools").read_text() == right
