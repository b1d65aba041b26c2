"""Upkeep goes last: its runs step back behind the services, and its schedules wait while the stream is behind."""

import os
from collections.abc import Callable

import dagster as dg
from dagster._core.executor.init import InitExecutorContext

from whale_platform.settings import Settings
from whale_platform.supervision.control import overload
from whale_platform.supervision.processes import priority

NICE = 10


@dg.executor(name="upkeep", config_schema=dg.in_process_executor.config_schema.as_field())
def upkeep_executor(context: InitExecutorContext) -> dg.Executor:
    """All steps in the run's own process, since one for each step would cost 5 s and 100 MB; at a high nice value."""
    priority.lower_priority(max(0, NICE - os.nice(0)))
    make = dg.in_process_executor.executor_creation_fn
    assert make is not None
    return make(context)


def unless_behind() -> Callable[[object], dg.RunRequest | dg.SkipReason]:
    """The evaluation of a schedule that waits while the stream is behind, for hours at most."""

    def evaluate(_: object) -> dg.RunRequest | dg.SkipReason:
        why = overload.explain_stream_lag(Settings().home)
        return dg.RunRequest() if why is None else dg.SkipReason(why)

    return evaluate
