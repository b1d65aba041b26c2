"""Whether this is the platform's own Dagster, or one that somebody runs beside it, such as `dagster dev` in a checkout.

The same definitions are loaded by both. Only the platform's own starts anything by itself and keeps services alive:
another one would start a second platform on the same home, with whatever broker and database its settings name.
"""

import dagster as dg

from whale_platform.embedded.dagster import INSTANCE, is_ours


def sensor_status(wanted: bool = True) -> dg.DefaultSensorStatus:
    """What a sensor's default is: running only where it is wanted and this Dagster is the platform's."""
    return dg.DefaultSensorStatus.RUNNING if wanted and is_ours() else dg.DefaultSensorStatus.STOPPED


def schedule_status(wanted: bool = True) -> dg.DefaultScheduleStatus:
    """The same of a schedule."""
    return dg.DefaultScheduleStatus.RUNNING if wanted and is_ours() else dg.DefaultScheduleStatus.STOPPED


def refuse_elsewhere(service: str) -> None:
    """Raise Failure where a shift would run in a Dagster that is not the platform's."""
    if not is_ours():
        raise dg.Failure(
            f"the {service} is kept alive by the platform's own Dagster only (the one whose DAGSTER_HOME {INSTANCE} "
            "names): start it with `whale up`, and launch this job there",
            allow_retries=False,
        )
