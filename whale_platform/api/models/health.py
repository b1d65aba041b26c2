"""`/health`."""

from typing import Literal

from pydantic import BaseModel, Field

from whale_platform.api.models.units import Time


class Part(BaseModel):
    """One part of the platform.

    `state`: ready, degraded, starting, stopping, blocked, silent, stopped, unavailable, none.
    """

    state: str
    detail: str
    age_s: float | None = Field(None, description="Seconds since it last gave a sign of life.")
    lag: int | None = Field(None, description="Messages it has yet to read; null where it has none or does not know.")


class Health(BaseModel):
    """`status`: ok, degraded (see `stale`), or unavailable: no database, answered 503."""

    status: Literal["ok", "degraded", "unavailable"]
    checked_at: Time
    stale: list[str] = Field(description="A sentence for each part that is not as it should be.")
    postgres: Part
    kafka: Part
    lake: Part
    latest: Part
    disk: Part
    services: dict[str, Part]
