"""Thresholds as they are set, and the suggested ones with what each choice would have given."""

from typing import Literal

from pydantic import BaseModel, Field

from whale_platform.api.models.units import Named, Time, Usd


class Threshold(Named):
    """A threshold that is set. `*` as exchange or symbol means any; of all that fit, the most specific one applies."""

    threshold_usd: Usd
    large_usd: Usd
    giant_usd: Usd
    set_tiers: list[Literal["large", "giant"]] = Field(
        description="Those whose amounts are set; the others' follow from `threshold_usd`."
    )
    hours_usd: list[Usd | None] | None = Field(
        description="The amounts of the 168 hours of the week, UTC, from Monday 00:00 on, in the place of "
        "`threshold_usd`; null: it has none. Amounts of tiers that are not set follow from that of the hour."
    )
    valid_from: Time = Field(description="Event time from which it holds.")
    origin: Literal["set", "suggested"] = Field(description="By a person, or by the platform.")
    updated_at: Time
    version: str = Field(description="Another one after each change: in quotes it is the ETag that `If-Match` takes.")


class Thresholds(BaseModel):
    """All of them, by exchange and symbol."""

    items: list[Threshold]
    read_only: str | None = Field(description="Why who asks can't set any; null where it can.")


class SuggestedChoice(BaseModel):
    """An amount and the orders that were at or over it."""

    per_day: int | None = Field(description="The alerts a day that it is for; null: the threshold that held.")
    usd: Usd
    by_hour: bool = Field(False, description="Of `hours_of_week`, or of what held by hour; `usd` is the least of them.")
    alerts: list[int] | None = Field(
        description="Of each of the days, oldest first; null: more than were looked at.", examples=[[9, 12, 8]]
    )


class SuggestedHour(BaseModel):
    """What would give as many alerts in one hour of the week."""

    hour_of_week: int = Field(description="0: Monday 00:00 to 01:00 UTC, up to 167.")
    usd: Usd
    alerts: int = Field(description="What the amount for all hours gave in it, over all days.")


class Suggestion(Named):
    """From how many US dollars on the orders of a symbol would have given so many alerts a day."""

    per_day: int = Field(description="Alerts a day that were wished.")
    days: int = Field(description="Of 24 hours, before `until`.")
    until: Time
    usd: Usd
    hours: int = Field(description="From the first trade of those days to `until`.")
    trades: int
    largest_usd: Usd
    choices: list[SuggestedChoice]
    hours_of_week: list[SuggestedHour] = Field(description="Empty with less than four weeks of trades; `note` says so.")
    materialised_at: Time
    note: str | None = Field(description="Why hours of the week are not told apart.")


class Suggestions(BaseModel):
    """Those of the newest computation, by exchange and symbol."""

    items: list[Suggestion]
