import hashlib
import re
import sys
from pathlib import Path

import pytest

from whale_platform.toolchain import jars, java
from whale_platform.toolchain.errors import ToolchainError

# Stands in for `java -jar ivy.jar`: retrieves what SOURCE holds, as Ivy would, and notes each module asked for.
FAKE_IVY = """#!{python}
import pathlib, re, sys
source = pathlib.Path("{source}")
args = sys.argv
module = pathlib.Path(args[args.index("-ivy") + 1]).read_text()
pattern = args[args.index("-retrieve") + 1]
failed = 0
for name, version in re.findall(r'name="([^"]+)" rev="([^"]+)"', module):
    with (source / "asked").open("a") as asked:
        asked.write(name + "\\n")
    found = source / f"{{name}}-{{version}}.jar"
    if not found.exists():
        print("\\tServer access error at url x (java.net.ConnectException: Connection refused)")
        failed = 1
        continue
    place = pathlib.Path(pattern.replace("[artifact]", name).replace("[revision]", version).replace("[ext]", "jar"))
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(found.read_bytes())
sys.exit(failed)
"""
NAMES = ("one", "two", "three", "four", "five")


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    listed = []
    for name in NAMES:
        (folder / f"{name}-1.0.jar").write_bytes(name.encode())
        section: jars.JarSection = "spark" if name == "one" else "broker"
        listed.append(jars.PinnedJar(section, "org.example", name, "1.0", hashlib.sha256(name.encode()).hexdigest()))
    program = tmp_path / "java"
    program.write_text(FAKE_IVY.format(python=sys.executable, source=folder))
    program.chmod(0o755)
    monkeypatch.setattr(jars, "read_jar_list", lambda: listed)
    monkeypatch.setattr(java, "find_java", lambda _: program)
    return folder


def asked(source: Path) -> list[str]:
    return sorted((source / "asked").read_text().split())


def test_the_list_is_whole() -> None:
    listed = jars.read_jar_list()
    assert {"spark-sql-kafka-0-10_2.13", "kafka-clients"} <= {jar.name for jar in listed if jar.section == "spark"}
    assert {"kafka_2.13", "kafka-clients"} <= {jar.name for jar in listed if jar.section == "broker"}
    assert all(re.fullmatch("[0-9a-f]{64}", jar.sha256) for jar in listed)
    assert len({(jar.section, jar.name) for jar in listed}) == len(listed)


def test_fetched_once_checked_and_in_place(source: Path, tmp_path: Path) -> None:
    tools, said = tmp_path / "tools", list[str]()
    jars.ensure_jars(tools, said.append)
    assert [path.read_text() for path in jars.find_spark_jars(tools)] == ["one"]
    assert jars.build_broker_classpath(tools).count(".jar") == 4
    assert asked(source) == sorted(NAMES)
    jars.ensure_jars(tools, said.append)
    assert asked(source) == sorted(NAMES)
    assert len(said) == 2
    assert not (tools / "jars" / "fetch").exists()


def test_a_jar_that_is_not_the_pinned_one_is_refused_and_removed(source: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    (source / "three-1.0.jar").write_bytes(b"something else")
    with pytest.raises(ToolchainError, match=r"three-1\.0\.jar is not the pinned file") as error:
        jars.ensure_jars(tools, print)
    assert "\n" not in str(error.value)
    assert not list(tools.rglob("three-1.0.jar"))
    (source / "three-1.0.jar").write_bytes(b"three")
    jars.ensure_jars(tools, print)
    assert (tools / "jars" / "kafka" / "three-1.0.jar").read_text() == "three"


def test_no_network_is_one_line_and_the_next_run_goes_on(source: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    (source / "five-1.0.jar").rename(source / "away")
    with pytest.raises(ToolchainError, match=r"could not fetch five-1\.0\.jar .*Connection refused") as error:
        jars.ensure_jars(tools, print)
    assert "run ./whale again" in str(error.value)
    assert str(tools / "setup.log") in str(error.value)
    (source / "away").rename(source / "five-1.0.jar")
    (source / "asked").unlink()
    jars.ensure_jars(tools, print)
    assert asked(source) == ["five"]


def test_a_damaged_jar_is_fetched_again(source: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    jars.ensure_jars(tools, print)
    damaged = tools / "jars" / "kafka" / "two-1.0.jar"
    damaged.write_bytes(b"tw")
    jars.ensure_jars(tools, print)
    assert damaged.read_bytes() == b"two"


@pytest.mark.usefixtures("source")
def test_class_paths_come_from_the_list(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    jars.ensure_jars(tools, print)
    (tools / "jars" / "kafka" / "stray-1.0.jar").write_bytes(b"stray")
    assert "stray" not in jars.build_broker_classpath(tools)
    (tools / "jars" / "kafka" / "two-1.0.jar").unlink()
    with pytest.raises(ToolchainError, match=r"two-1\.0\.jar"):
        jars.build_broker_classpath(tools)
