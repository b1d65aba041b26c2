"""`python -m whale_platform.stream`: the stream service.

Whatever it was doing when its JVM ended fails in its own way; here that becomes one sentence and a new start.
"""

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from whale_platform.stream import service
from whale_platform.stream.spark import session
from whale_platform.supervision.runtime import exit_codes
from whale_platform.supervision.runtime.runner import ServiceContext, run_service

OUT_OF_MEMORY = 3  # the exit code of a JVM with ExitOnOutOfMemoryError


def main(context: ServiceContext) -> int:
    """service.main, and RETRY where the JVM has ended under it."""
    try:
        return service.main(context)
    except (Py4JError, PySparkException, OSError):
        if (code := session.read_jvm_exit_code()) is None:
            raise
        why = "was out of memory (WHALE_SPARK_DRIVER_MEMORY)" if code == OUT_OF_MEMORY else f"ended with code {code}"
        context.report_state("degraded", f"Spark's JVM {why}, starting again")
        return exit_codes.RETRY


if __name__ == "__main__":
    run_service("stream", main)
