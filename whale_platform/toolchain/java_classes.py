"""The Java classes of `contracts/java`, compiled into a jar that stands on Spark's class path.

Spark calls them for each message, where expressions of its own take longer (docs/benchmarks.md). The compiler is a
pinned jar (jars.toml), since a runtime without one is enough elsewhere. The jar's name holds a hash of what it is made
of, so that checkouts with other sources share a folder of tools, and running ones keep theirs.
"""

import errno
import hashlib
import os
import shutil
import tempfile
import zipfile
from pathlib import Path

from whale_platform.files.file_lock import hold_lock
from whale_platform.supervision.errors import SetupProgramError
from whale_platform.supervision.processes import setup_programs
from whale_platform.toolchain import jars, java
from whale_platform.toolchain.errors import ToolchainError

SOURCES = Path(__file__).parents[1] / "contracts" / "java"
CATALOG, CATALOG_CLASS = "whale", "whale.TradeFunctions"
READ_TRADE = f"{CATALOG}.read_trade"  # the function of ReadTrade.java in Spark SQL
TARGET = "17"  # java.OLDEST_JAVA
_CATALOG_FILE = f"{CATALOG_CLASS.replace('.', '/')}.class"
_NEEDED = ("spark-", "scala-library-", "jackson-core-")  # of pyspark's jars
_JVM_OPTIONS = ("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


def ensure_compiled_jar(tools: Path) -> Path:
    """The jar with the compiled classes, made where it is not there or damaged: once, in seconds.

    Raises ToolchainError where the compiler or pyspark is missing or refuses the sources, or `tools` can't be written;
    OSError where its disk is full.
    """
    jar = tools.absolute() / "spark-classes" / f"trades-{_hash_inputs(tools)}.jar"
    if _is_intact(jar):
        return jar
    try:
        with hold_lock(jar.with_name("lock")):
            if not _is_intact(jar):
                _make_jar(tools, jar)
    except OSError as failed:
        if failed.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise ToolchainError(f"{jar} can't be written ({failed}): run ./whale as the owner of {tools}") from None
    return jar


def _hash_inputs(tools: Path) -> str:
    made_of = hashlib.sha256(TARGET.encode())
    compiler = [jar.file for jar in jars.read_jar_list() if jar.section == "compiler"]
    for name in (*compiler, *(path.name for path in _find_known_jars(tools))):
        made_of.update(name.encode() + b"\0")
    for source in sorted(SOURCES.glob("*.java")):
        made_of.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return made_of.hexdigest()[:16]


def _is_intact(jar: Path) -> bool:
    try:
        with zipfile.ZipFile(jar) as opened:
            return _CATALOG_FILE in opened.namelist()
    except (FileNotFoundError, zipfile.BadZipFile):
        return False


def _find_known_jars(tools: Path) -> list[Path]:
    folder = Path(java.build_java_environment(tools)["SPARK_HOME"]) / "jars"
    return [path for path in sorted(folder.glob("*.jar")) if path.name.startswith(_NEEDED)]


def _make_jar(tools: Path, jar: Path) -> None:
    for left in jar.parent.glob("compile-*"):  # by one that was killed
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=jar.parent, prefix="compile-") as work:
        _compile(tools, Path(work))
        fresh = Path(work) / jar.name
        with zipfile.ZipFile(fresh, "w") as opened:
            for file in sorted(Path(work).rglob("*.class")):
                opened.write(file, file.relative_to(work))
        fresh.replace(jar)


def _compile(tools: Path, target: Path) -> None:
    (compiler,) = jars.find_compiler_jars(tools)
    command = [
        *(str(java.find_java(tools)), *_JVM_OPTIONS, "-jar", str(compiler), "-proc:none"),
        *("-source", TARGET, "-target", TARGET, "-cp", os.pathsep.join(map(str, _find_known_jars(tools)))),
        *("-d", str(target), *map(str, sorted(SOURCES.glob("*.java")))),
    ]
    try:
        done = setup_programs.run_program(command)
    except SetupProgramError as failed:
        raise ToolchainError(f"the Java classes in {SOURCES} were not compiled: {failed}; run ./whale again") from None
    if done.returncode:
        refused = next((line.strip() for line in done.stderr.splitlines() if ". ERROR in " in line), "")
        if refused:
            advice = "run ./whale, which installs the pinned pyspark"
            raise ToolchainError(f"the Java classes in {SOURCES} do not compile ({refused}): {advice}")
        said = done.stderr.strip()[-300:] or "it said nothing"
        raise ToolchainError(f"the Java compiler ended with code {done.returncode}: {said}; run ./whale again")
