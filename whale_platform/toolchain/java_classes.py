"""The Java classes of `contracts/java`, compiled into a jar that stands on Spark's class path.

Spark calls them for each message, where expressions of its own take several times as long. The compiler is a pinned jar
(jars.toml), since a runtime without one is enough elsewhere. The jar's name holds a hash of what it is made of, so that
checkouts with other sources share a folder of tools, and running ones keep theirs.
"""

import hashlib
import os
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
_NEEDED = ("spark-", "scala-library-", "jackson-core-")  # of pyspark's jars
_JVM_OPTIONS = ("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


def ensure_compiled_jar(tools: Path) -> Path:
    """The jar with the compiled classes, made where it is not there: some 2 CPU seconds, once.

    Raises ToolchainError where the compiler or pyspark is missing or refuses the sources, OSError where `tools` can't
    be written.
    """
    sources = sorted(SOURCES.glob("*.java"))
    (compiler,) = jars.find_compiler_jars(tools)
    made_of = hashlib.sha256(f"{TARGET} {compiler.name}".encode())
    for source in sources:
        made_of.update(source.read_bytes())
    jar = tools.absolute() / "spark-classes" / f"trades-{made_of.hexdigest()[:16]}.jar"
    if jar.is_file():
        return jar
    with hold_lock(jar.with_name("lock")):
        if not jar.is_file():
            with tempfile.TemporaryDirectory(dir=jar.parent, prefix="compile-") as work:
                _compile(tools, compiler, sources, Path(work))
                fresh = Path(work) / jar.name
                with zipfile.ZipFile(fresh, "w") as opened:
                    for file in sorted(Path(work).rglob("*.class")):
                        opened.write(file, file.relative_to(work))
                fresh.replace(jar)
    return jar


def _compile(tools: Path, compiler: Path, sources: list[Path], target: Path) -> None:
    spark = Path(java.build_java_environment(tools)["SPARK_HOME"]) / "jars"
    known = [str(path) for path in sorted(spark.glob("*.jar")) if path.name.startswith(_NEEDED)]
    command = [
        *(str(java.find_java(tools)), *_JVM_OPTIONS, "-jar", str(compiler), "-proc:none"),
        *("-source", TARGET, "-target", TARGET, "-cp", os.pathsep.join(known), "-d", str(target)),
        *map(str, sources),
    ]
    try:
        done = setup_programs.run_program(command)
    except SetupProgramError as failed:
        raise ToolchainError(f"{SOURCES.name} could not be compiled: {failed}; run ./whale again") from None
    if done.returncode:
        said = next((line.strip() for line in done.stderr.splitlines() if "ERROR" in line), done.stderr.strip()[-300:])
        raise ToolchainError(
            f"the Java classes in {SOURCES} do not compile ({said}): run ./whale, which installs the pinned pyspark"
        )
