"""A Spark session for batches over the lake, by dagster-pyspark, in the run that requests it and only there.

The library is loaded when the session is: in each of the processes that only look at definitions it would cost 18 MB.
"""

import atexit
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from whale_platform.defs.shared.platform_settings import PlatformSettings
from whale_platform.files.scratch_folder import open_scratch_folder
from whale_platform.toolchain.errors import ToolchainError

if TYPE_CHECKING:
    from whale_platform.stream.batch_recompute import BatchSession

_until_exit = ExitStack()
atexit.register(_until_exit.close)


class SparkResource(PlatformSettings):
    """Starts a JVM (5 s, about 500 MB) for as long as it is needed."""

    @contextmanager
    def session(self) -> "Iterator[BatchSession]":
        """A session, stopped at the end."""
        from dagster_pyspark import LazyPySparkResource

        from whale_platform.stream import batch_recompute

        settings = self.read()
        work = _open_work_folder(self.folder)
        try:
            config = batch_recompute.prepare_batch(settings, work)
        except ToolchainError as error:
            raise dg.Failure(str(error)) from None
        made: BatchSession = LazyPySparkResource(spark_config=config).spark_session
        made.sparkContext.setLogLevel("ERROR")
        try:
            yield made
        finally:
            made.stop()


@cache
def _open_work_folder(home: Path) -> Path:
    """The process's scratch folder; its JVM outlives a session, and with it the temporary folder it began with."""
    return _until_exit.enter_context(open_scratch_folder(home / "recompute", "spark-"))
