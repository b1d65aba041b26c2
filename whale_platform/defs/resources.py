"""What jobs, checks, schedules and sensors are given: the settings, the database, Spark; and how runs execute.

The settings are read when Dagster loads the definitions. A wrong one ends the load with the variable's name.
"""

from typing import Any

import dagster as dg

from whale_platform.defs.shared.platform_settings import PlatformSettings
from whale_platform.defs.shared.spark_resource import SparkResource
from whale_platform.defs.shared.store_resource import StoreResource
from whale_platform.defs.shared.upkeep import upkeep_executor
from whale_platform.settings import Settings


def build_resources(**fields: str | None) -> dict[str, dg.ConfigurableResource[Any]]:
    """Return every resource of a home by its key; fields: those of `PlatformSettings`."""
    kinds = {"platform": PlatformSettings, "store": StoreResource, "spark": SparkResource}
    return {key: kind.model_validate(fields) for key, kind in kinds.items()}


@dg.definitions
def resources() -> dg.Definitions:
    """Return the resources of the home that the environment names. No secret is among their fields."""
    settings = Settings()
    fields = {"home": str(settings.home), "source": settings.source, "kafka_bootstrap": settings.kafka_bootstrap}
    return dg.Definitions(resources=build_resources(**fields), executor=upkeep_executor)
