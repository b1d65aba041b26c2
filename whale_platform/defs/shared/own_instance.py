"""Whether this is the platform's own Dagster, or one that somebody runs beside it, such as `dagster dev` in a checkout.

The same definitions are loaded by both. Only the platform's own starts anything by itself: another one would do its
upkeep a second time, on whatever broker and database its settings name.
"""

import dagster as dg

from whale_platform.embedded.dagster import is_platform_dagster


def sensor_status(enabled: bool = True) -> dg.DefaultSensorStatus:
    """What a sensor's default is: running only where it is wanted and this Dagster is the platform's."""
    return dg.DefaultSensorStatus.RUNNING if enabled and is_platform_dagster() else dg.DefaultSensorStatus.STOPPED


def schedule_status(enabled: bool = True) -> dg.DefaultScheduleStatus:
    """The same of a schedule."""
    return dg.DefaultScheduleStatus.RUNNING if enabled and is_platform_dagster() else dg.DefaultScheduleStatus.STOPPED
