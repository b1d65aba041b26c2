"""The JVM of a Spark session that a test has built in pytest's own process, ended so that the next begins with its own.

Spark keeps one JVM a process, and what is given when it starts (jars, memory) holds for every later session.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark import SparkContext
from pyspark.sql import SparkSession

from whale_platform.settings import Settings
from whale_platform.stream.spark import session


@contextmanager
def end_own_jvm() -> Iterator[None]:
    """Ends the JVM that was started within."""
    try:
        yield
    finally:
        if (gateway := SparkContext._gateway) is not None:
            gateway.shutdown()
            gateway.proc.stdin.close()
            gateway.proc.wait(600)
            SparkContext._gateway = SparkContext._jvm = None


@contextmanager
def small_session(home: Path) -> Iterator[SparkSession]:
    """A session of two slots for rows that a test lays out itself."""
    with end_own_jvm():
        built = session.build_session(Settings(home=home, spark_master="local[2]", spark_driver_memory="512m"))
        yield built
        built.stop()
