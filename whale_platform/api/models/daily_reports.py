"""Models of the daily reports."""

from datetime import date

from pydantic import BaseModel, Field

from whale_platform.api.models.units import Time


class DailyReport(BaseModel):
    """The page of one day (UTC)."""

    day: date = Field(description="The day, as it stands in the page's address.", examples=["2026-11-21"])
    path: str = Field(description="Where the page is.", examples=["/reports/daily/2026-11-21"])
    updated_at: Time
    bytes: int = Field(description="The page's size.", examples=[91234])


class DailyReports(BaseModel):
    """Every page there is, the newest day first."""

    items: list[DailyReport]
