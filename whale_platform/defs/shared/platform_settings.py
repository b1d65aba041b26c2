"""The settings as a Dagster resource: the home and what else names this platform, so that nothing reads them by itself.

`defs/resources.py` fills it when the definitions are loaded. What is not a field here, passwords among it, is
read from the environment and `.env` when it is needed, as by every service.
"""

from pathlib import Path

import dagster as dg
from pydantic import Field

from whale_platform.settings import Settings


class PlatformSettings(dg.ConfigurableResource[None]):
    """One home. A field that is not set is taken from the `WHALE_…` environment."""

    home: str = Field(description="The home's folder.")
    source: str | None = Field(default=None, description="live, simulator or replay.")
    kafka_bootstrap: str | None = Field(default=None, description="HOST:PORT,… of the broker, if not the embedded one.")
    postgres_dsn: str | None = Field(
        default=None, description="libpq URI of the database. The platform leaves it unset, since it holds a password."
    )

    @property
    def folder(self) -> Path:
        """The home's folder, absolute and without links."""
        return Path(self.home).resolve()

    def read(self) -> Settings:
        """Return the whole settings. Raises pydantic's ValidationError where the environment has a wrong value."""
        fields = {
            "home": self.home,
            "source": self.source,
            "kafka_bootstrap": self.kafka_bootstrap,
            "postgres_dsn": self.postgres_dsn,
        }
        return Settings.model_validate({name: value for name, value in fields.items() if value is not None})
