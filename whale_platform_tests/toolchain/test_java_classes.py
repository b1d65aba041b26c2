"""The compiled Java classes: made once by the pinned compiler, and what is said where that is not possible."""

import shutil
import zipfile
from pathlib import Path

import pytest

from whale_platform.settings import Settings
from whale_platform.toolchain import jars, java_classes
from whale_platform.toolchain.errors import ToolchainError


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder of tools of the test's own, with the compiler in it."""
    (compiler,) = jars.find_compiler_jars(Settings().tools)
    made = tmp_path / "tools" / "jars" / "compiler"
    made.mkdir(parents=True)
    shutil.copy(compiler, made)
    return tmp_path / "tools"


@pytest.mark.process
def test_the_jar_is_made_once_and_again_of_other_sources(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jar = java_classes.ensure_compiled_jar(tools)
    made = jar.stat().st_mtime_ns
    with zipfile.ZipFile(jar) as opened:
        assert f"{java_classes.CATALOG_CLASS.replace('.', '/')}.class" in opened.namelist()
    assert java_classes.ensure_compiled_jar(tools) == jar and jar.stat().st_mtime_ns == made
    assert sorted(path.name for path in jar.parent.iterdir()) == ["lock", jar.name]

    for damaged in (b"", jar.read_bytes()[:500]):
        jar.write_bytes(damaged)
        (jar.parent / "compile-of-one-that-was-killed").mkdir()
        assert java_classes.ensure_compiled_jar(tools) == jar and jar.stat().st_size > 500
        assert sorted(path.name for path in jar.parent.iterdir()) == ["lock", jar.name]

    sources = tmp_path / "java"
    shutil.copytree(java_classes.SOURCES, sources)
    monkeypatch.setattr(java_classes, "SOURCES", sources)
    assert java_classes.ensure_compiled_jar(tools) == jar, "the same sources elsewhere"
    changed = sources / "ReadTrade.java"
    changed.write_text(changed.read_text() + "// changed")
    assert java_classes.ensure_compiled_jar(tools) != jar and jar.is_file(), "who runs the old one keeps it"

    changed.write_text("package whale; class ReadTrade { int x = }")
    with pytest.raises(ToolchainError, match=r"do not compile .*\.java"):
        java_classes.ensure_compiled_jar(tools)
    assert not list(jar.parent.glob("compile-*"))


def test_a_compiler_that_ends_is_not_called_the_sources_fault(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java_classes, "_JVM_OPTIONS", ("-XX:NoSuchOption",))
    with pytest.raises(ToolchainError, match=r"the Java compiler ended with code 1: .*NoSuchOption"):
        java_classes.ensure_compiled_jar(tools)


def test_without_the_compiler_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=r"jars are missing .*ecj.*run ./whale again"):
        java_classes.ensure_compiled_jar(tmp_path)
