"""Upkeep goes last: its runs step back behind the services, and its schedules wait while the stream is behind."""

import os

import dagster as dg
from dagster._core.executor.init import InitExecutorContext

from whale_platform.defs.shared.platform_settings import PlatformSettings
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


def request_unless_behind(platform: PlatformSettings) -> dg.RunRequest | dg.SkipReason:
    """Return a run's request, or why it waits: while the stream is behind, for hours at most."""
    why = overload.explain_stream_lag(platform.folder)
    return dg.RunRequest() if why is None else dg.SkipReason(why)
