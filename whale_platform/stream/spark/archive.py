"""`python -m whale_platform.stream.spark.archive TOOLS HOME`: makes the class data archive of the stream's driver.

A driver without an archive lists the classes that it loads, in its home. Some minutes later this program has Java dump
them, at the lowest priority: 40 to 50 CPU seconds, 1 GB of memory and 200 MB of disk, once. Without that much memory to
spare it makes none, and the next platform that runs so long tries again. It is for a driver of its
own (`local[…]`); on a cluster the driver starts as it would without this module. What fails is one line and exit code
1.
Nothing here imports pyspark, since the supervisor asks too.
"""

import os
import sys
import time
from pathlib import Path

import psutil

from whale_platform.stream.spark import jvm_options
from whale_platform.supervision.errors import SetupProgramError
from whale_platform.supervision.processes import priority
from whale_platform.toolchain import jars, java, java_classes, shuffle_bind
from whale_platform.toolchain.class_archive import ClassArchive
from whale_platform.toolchain.errors import ToolchainError

NICE = 19
MEMORY_NEEDED = 1_500_000_000  # bytes that are available before


class ListedClasses:
    """Two files in a home: the classes that a driver without a class data archive loads, and its class path."""

    def __init__(self, home: Path) -> None:
        self.classes = home.absolute() / "stream" / "classes.list"
        self.classpath = self.classes.with_suffix(".path")

    def measure_age_s(self) -> float | None:
        """Seconds since the driver that lists its classes was ready; None where none lists any."""
        try:
            return max(0.0, time.time() - self.classpath.stat().st_mtime)
        except FileNotFoundError:
            return None

    def prepare_listing(self) -> list[str]:
        """Delete what an earlier driver has listed; return the JVM options by which the next one lists its classes."""
        self.classpath.unlink(missing_ok=True)
        self.classes.unlink(missing_ok=True)
        return [f'-XX:DumpLoadedClassList="{self.classes}"']


def find_archive(tools: Path) -> ClassArchive:
    """The class data archive of a driver of its own, whether or not it is there: `main` makes it."""
    spark_jars = sorted((Path(java.build_java_environment(tools)["SPARK_HOME"]) / "jars").glob("*.jar"))
    classpath = os.pathsep.join(map(str, [*find_driver_jars(tools), *spark_jars]))
    command = [str(java.find_java(tools)), "-Xmx256m", *jvm_options.DRIVER_JVM_OPTIONS]
    return ClassArchive(tools, "spark", command, classpath)


def find_driver_jars(tools: Path) -> list[Path]:
    """What precedes Spark's own jars: the patched shuffle, the file system that does not fork, Kafka's connector, ours.

    Those that the platform makes are made where they are missing. Raises ToolchainError where a jar is missing or not
    the pinned one, OSError where the disk is full.
    """
    jar_paths = sorted(jars.find_spark_jars(tools), key=lambda path: not path.name.startswith("hadoop-bare-naked"))
    connector = [path.absolute() for path in jar_paths]
    return [shuffle_bind.ensure_patched_jar(tools).absolute(), *connector, java_classes.ensure_compiled_jar(tools)]


def main(tools: Path, home: Path) -> int:
    """0 where the archive is there, can't be made of this Java, or no driver has listed classes; else 1."""
    priority.lower_priority(NICE)
    if (free := psutil.virtual_memory().available) < MEMORY_NEEDED:
        print(f"no class data archive of Spark's driver: {free / 1e9:.1f} GB of memory are available", file=sys.stderr)
        return 1
    listed = ListedClasses(home)
    try:
        if listed.classpath.exists():
            find_archive(tools).make_from(listed.classes, listed.classpath.read_text())
    except (ToolchainError, SetupProgramError, OSError) as error:
        print(f"no class data archive of Spark's driver: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
