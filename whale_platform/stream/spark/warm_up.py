"""Plans the queries over and over while the JVM is young, so that its compiler has met that code before it matters.

Real-time mode plans a query again at each checkpoint, and no trade is read meanwhile; every two minutes is too seldom
for the JVM to compile the planner. First and second pause at 1,000 trades/s: 2.0 and 0.9 s without, 0.7 to 1.2 and 0.4
s after 30 rounds. Twelve are planned, since the CPU of a round falls from 1.1 s in the second to 0.5 in the 12th and no
further; the pauses after twelve were not measured. Nothing is executed, and an error only ends the warm-up.
"""

import threading
from collections.abc import Callable, Iterable

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame

PLAN_TIMES = 12
EVERY_S = 2.0


def start_warm_up(
    builders: Iterable[Callable[[], DataFrame]], stop: threading.Event, room: Callable[[], bool]
) -> threading.Thread:
    """Build and plan each batch DataFrame PLAN_TIMES times while there is `room`, in a daemon thread, until `stop`."""
    thread = threading.Thread(target=_plan, args=(tuple(builders), stop, room), name="warm-up", daemon=True)
    thread.start()
    return thread


def _plan(builders: tuple[Callable[[], DataFrame], ...], stop: threading.Event, room: Callable[[], bool]) -> None:
    try:
        for _ in range(PLAN_TIMES):
            while not room():
                if stop.wait(EVERY_S):
                    return
            if stop.wait(EVERY_S):
                return
            for build in builders:
                build()._jdf.queryExecution().executedPlan()
    except (PySparkException, Py4JError, OSError):
        return
