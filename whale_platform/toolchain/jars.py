"""The jars of `jars.toml`: fetched through the Ivy inside pyspark, checked by SHA-256, moved into place one by one.

Killed at any moment it goes on where it stopped: a jar stands under its name only after its hash was right. Class
paths are made from the list, never from what lies in the folder.
"""

import hashlib
import os
import shutil
import tomllib
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from whale_platform.files.file_lock import hold_lock
from whale_platform.supervision.errors import SetupProgramError
from whale_platform.supervision.processes import setup_programs
from whale_platform.toolchain import java, truststore
from whale_platform.toolchain.errors import ToolchainError

JarSection = Literal["spark", "compiler", "broker", "s3", "flink"]
JAR_SECTIONS: tuple[JarSection, ...] = ("spark", "compiler", "broker", "s3", "flink")
# What every machine needs; "s3" only with an object store.
USUAL_SECTIONS: tuple[JarSection, ...] = ("spark", "compiler", "broker")
JAR_LIST = Path(__file__).with_name("jars.toml")
_ABOUT = {
    "spark": "Spark's Kafka connector",
    "compiler": "a Java compiler",
    "broker": "the Kafka broker",
    "s3": "Spark's way to an object store",
    "flink": "Flink's connectors, for a benchmark",
}
FETCH_LANES = 3  # fetches side by side: a jar costs round trips, not bandwidth, and each lane is a 60 MB JVM

# Poms and Ivy's SHA-1 files are not asked for: the list is complete and carries better hashes (5 s instead of 40).
_SETTINGS = """<ivysettings><settings defaultResolver="public"/><resolvers>
<ibiblio name="public" m2compatible="true" usepoms="false" checksums=""/></resolvers></ivysettings>"""
_MODULE = """<ivy-module version="2.0"><info organisation="whale" module="{lane}"/>
<configurations><conf name="default"/></configurations><dependencies>{dependencies}</dependencies></ivy-module>"""
_DEPENDENCY = """<dependency org="{group}" name="{name}" rev="{version}" transitive="false" conf="default">
<artifact name="{name}" type="jar" ext="jar"/></dependency>"""


@dataclass(frozen=True, slots=True)
class PinnedJar:
    """One pinned jar; `section` is the folder it lies in."""

    section: JarSection
    group: str
    name: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        """Return the jar's file name."""
        return f"{self.name}-{self.version}.jar"

    def path(self, tools: Path) -> Path:
        """Where it lies once it is there."""
        return tools / "jars" / ("kafka" if self.section == "broker" else self.section) / self.file


def read_jar_list(path: Path = JAR_LIST) -> list[PinnedJar]:
    """Every jar of the list, in its order."""
    sections = tomllib.loads(path.read_text())
    jars = []
    for section in JAR_SECTIONS:
        for coordinate, sha256 in sections.get(section, {}).items():
            group, name, version = coordinate.split(":")
            jars.append(PinnedJar(section, group, name, version, sha256))
    return jars


def find_spark_jars(tools: Path) -> list[Path]:
    """The jars to hand to Spark. Raises ToolchainError where one is missing."""
    return _find_present_jars(tools, "spark")


def find_s3_jars(tools: Path) -> list[Path]:
    """The jars by which Spark reaches an object store. Raises ToolchainError where one is missing."""
    return _find_present_jars(tools, "s3")


def find_compiler_jars(tools: Path) -> list[Path]:
    """The jar of the Java compiler. Raises ToolchainError where it is missing."""
    return _find_present_jars(tools, "compiler")


def build_broker_classpath(tools: Path) -> str:
    """The broker's class path. Raises ToolchainError where a jar is missing."""
    return os.pathsep.join(map(str, _find_present_jars(tools, "broker")))


def ensure_jars(tools: Path, report: Callable[[str], None], sections: Collection[str] = USUAL_SECTIONS) -> None:
    """Make every jar of the list's `sections` stand in `tools`, intact; one is damaged: it is fetched again.

    Raises ToolchainError: a jar can't be fetched, or is not what the list says.
    """
    ensure_pinned_jars(tools, report, [jar for jar in read_jar_list() if jar.section in sections])


def ensure_pinned_jars(tools: Path, report: Callable[[str], None], wanted: Sequence[PinnedJar]) -> None:
    """Do the same for the jars that are `wanted`, of whatever list."""
    sections = {jar.section for jar in wanted}
    with hold_lock(tools / "jars" / "lock"):
        missing = [jar for jar in wanted if sha256(jar.path(tools)) != jar.sha256]
        if not missing:
            return
        report(f"fetching {len(missing)} jars ({', '.join(_ABOUT[one] for one in JAR_SECTIONS if one in sections)})")
        fetched = tools / "jars" / "fetch"
        lanes = [lane for number in range(FETCH_LANES) for section in JAR_SECTIONS
                 if (lane := [jar for jar in missing if jar.section == section][number::FETCH_LANES])]  # fmt: skip
        with ThreadPoolExecutor(FETCH_LANES) as pool:
            problems = list(pool.map(lambda lane: _fetch(tools, fetched, lane), lanes))
        for jar in missing:
            _move_into_place(
                jar, fetched / jar.section / jar.file, jar.path(tools), tools, next(filter(None, problems), "")
            )
        shutil.rmtree(fetched)
        size = sum(jar.path(tools).stat().st_size for jar in missing)
        report(f"{len(missing)} jars, {size / 1e6:.0f} MB, hashes right")


def sha256(path: Path) -> str | None:
    """The file's SHA-256 in hex, None where there is no file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _move_into_place(jar: PinnedJar, fetched: Path, target: Path, tools: Path, problem: str) -> None:
    found = sha256(fetched)
    if found is None:
        raise ToolchainError(
            f"could not fetch {jar.file}{problem and f' ({problem})'}: check the network and run ./whale again, "
            f"it goes on where it stopped; details in {tools / 'setup.log'}"
        )
    if found != jar.sha256:
        shutil.rmtree(tools / "jars" / "fetch")
        raise ToolchainError(
            f"{jar.file} is not the pinned file (SHA-256 {found}, jars.toml says {jar.sha256}): it was removed; "
            "run ./whale again, and if it stays so do not trust that source"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    fetched.replace(target)


def _fetch(tools: Path, fetched: Path, lane: list[PinnedJar]) -> str:
    """Fetch the jars of one lane; what went wrong in a few words, or nothing."""
    name = f"{lane[0].section}-{lane[0].name}"
    work = fetched / name
    work.mkdir(parents=True, exist_ok=True)
    dependencies = "".join(_DEPENDENCY.format(group=j.group, name=j.name, version=j.version) for j in lane)
    (work / "ivy.xml").write_text(_MODULE.format(lane=name, dependencies=dependencies))
    (work / "settings.xml").write_text(_SETTINGS)
    command = [
        *(str(java.find_java(tools)), "-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
        *truststore.truststore_options(work),
        *("-jar", str(_find_ivy()), "-settings", str(work / "settings.xml"), "-cache", str(work / "cache")),
        *("-ivy", str(work / "ivy.xml"), "-confs", "default"),
        *("-retrieve", str(fetched / lane[0].section / "[artifact]-[revision].[ext]")),
    ]
    with (tools / "setup.log").open("a+") as log:
        start = log.seek(0, os.SEEK_END)
        try:
            code = setup_programs.run_fetcher(command, log, fetched)
        except SetupProgramError as failed:
            return str(failed)
        log.seek(start)
        said = [line.strip() for line in log if "error" in line.lower() and "ERRORS" not in line]
    return said[0][:200] if code and said else ""


def _find_ivy() -> Path:
    pyspark = find_spec("pyspark")
    if pyspark is None or pyspark.origin is None:
        raise ToolchainError("pyspark is not installed: run ./whale, which sets it up")
    return next((Path(pyspark.origin).parent / "jars").glob("ivy-*.jar"))


def _find_present_jars(tools: Path, section: JarSection) -> list[Path]:
    paths = [jar.path(tools) for jar in read_jar_list() if jar.section == section]
    if absent := [path.name for path in paths if not path.is_file()]:
        raise ToolchainError(f"{len(absent)} jars are missing from {tools / 'jars'} ({absent[0]} …): run ./whale again")
    return paths
