"""The body by which a threshold is set. Each wrong value raises ValueError with a sentence that says what to write."""

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from whale_platform.api.http.parameter_types import Moment
from whale_platform.domain.hours_of_week import HOURS_OF_WEEK
from whale_platform.domain.whale import build_tier_limits, explain_disorder, explain_hours_disorder

PATTERN = r"^[0-9]{1,16}(\.[0-9]{1,8})?$"


def _check_digits(value: Any) -> Any:
    """Whole numbers are exact in JSON, others are not."""
    if isinstance(value, bool) or not isinstance(value, int | str) or not re.fullmatch(PATTERN, text := str(value)):
        raise ValueError('give US dollars in digits, such as "100000" or "99999.50"')
    if not Decimal(text):
        raise ValueError("give more than 0")
    return value


Amount = Annotated[Decimal, BeforeValidator(_check_digits, Annotated[str, Field(pattern=PATTERN)])]


class ThresholdInput(BaseModel):
    """What is set: US dollars as text, with all digits, or as whole numbers."""

    model_config = ConfigDict(extra="forbid")

    threshold_usd: Amount = Field(
        description="From so many an order is a whale, in hours without another amount.", examples=["100000"]
    )
    large_usd: Amount | None = Field(
        None,
        description="From so many a large one; null: 5 times that of the hour, or `giant_usd` where that is lower.",
    )
    giant_usd: Amount | None = Field(
        None,
        description="From so many a giant one; null: 20 times that of the hour, or `large_usd` where that is more.",
    )
    hours_usd: list[Amount | None] | None = Field(
        None,
        min_length=HOURS_OF_WEEK,
        max_length=HOURS_OF_WEEK,
        description="From so many an order is a whale in each hour of the week, UTC, from Monday 00:00 on; null in it: "
        "`threshold_usd`. null: in no hour another amount.",
    )
    valid_from: Moment | None = Field(None, description="Event time from which it holds (RFC 3339); null: from now on.")

    @field_validator("large_usd", "giant_usd", mode="after")
    @classmethod
    def _check_order(cls, value: Decimal | None, info: ValidationInfo) -> Decimal | None:
        if value is None or "threshold_usd" not in info.data:
            return value
        amounts: dict[str, Decimal | None] = {**info.data, str(info.field_name): value}
        limits = build_tier_limits(info.data["threshold_usd"], amounts.get("large_usd"), amounts.get("giant_usd"))
        if disorder := explain_disorder(limits):
            raise ValueError(disorder)
        return value

    @field_validator("hours_usd", mode="after")
    @classmethod
    def _check_hours(cls, value: list[Decimal | None] | None, info: ValidationInfo) -> list[Decimal | None] | None:
        if value is None or not {"large_usd", "giant_usd"} <= info.data.keys():
            return value
        if disorder := explain_hours_disorder(value, info.data["large_usd"], info.data["giant_usd"]):
            raise ValueError(disorder)
        return value
