"""What may be asked of the listings: the parameters, their bounds, and the conditions they become.

A parameter that is not known is refused, because a filter that is silently ignored gives the wrong rows.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from whale_platform.stores.serving import Condition, Listing

MOST = 1_000
FIRST, LAST = datetime(2009, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def _sane(time: datetime) -> datetime:
    if not FIRST <= time <= LAST:
        raise ValueError("give a time from 2009 to 2100")
    return time


Moment = Annotated[AwareDatetime, AfterValidator(_sane)]
EXCHANGE, SYMBOL = r"^[a-z0-9_]{1,40}$", r"^[A-Za-z0-9._:/-]{1,40}$"
Exchange = Annotated[
    str,
    Field(pattern=EXCHANGE, description="The exchange, `sim_…` for generated trades.", examples=["binance"]),
]
Symbol = Annotated[
    str,
    Field(pattern=SYMBOL, description="The symbol as the exchange spells it.", examples=["BTCUSDT"]),
]


class Which(BaseModel):
    """One exchange or symbol."""

    model_config = ConfigDict(extra="forbid")

    exchange: Exchange | None = None
    symbol: Symbol | None = None


class Timed(Which):
    """Rows of a time."""

    start: Moment | None = Field(
        None, alias="from", description="Rows of this time (RFC 3339) and later.", examples=["2026-11-21T10:00:00Z"]
    )
    end: Moment | None = Field(
        None, alias="to", description="Rows before this time (RFC 3339).", examples=["2026-11-21T12:00:00Z"]
    )

    @model_validator(mode="after")
    def _in_order(self) -> "Timed":
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError("`from` must lie before `to`")
        return self

    def conditions(self, listing: Listing) -> list[Condition]:
        """Of this question on that listing."""
        found = [
            Condition("exchange", "=", self.exchange),
            Condition("symbol", "=", self.symbol),
            Condition(listing.time, ">=", self.start),
            Condition(listing.time, "<", self.end),
        ]
        return [one for one in found if one.value is not None]


class Page(Timed):
    """What every listing takes."""

    limit: int = Field(100, ge=1, le=MOST, description="At most so many rows.")
    cursor: str | None = Field(
        None, min_length=1, max_length=400, description="`next` of the page before: goes on after it."
    )
    form: Literal["json", "csv"] | None = Field(
        None, alias="format", description="Over the Accept header: JSON unless that asks for text/csv alone."
    )


class OfWhales(Timed):
    """Which whales."""

    kind: Literal["single_trade"] | None = Field(None, description="`single_trade`: one fill over the threshold.")
    side: Literal["buy", "sell"] | None = Field(None, description="The taker's side.")
    min_notional: Decimal | None = Field(
        None, ge=0, max_digits=24, decimal_places=8, description="From so many US dollars on.", examples=["250000"]
    )

    def conditions(self, listing: Listing) -> list[Condition]:
        """These too."""
        found = [
            Condition("kind", "=", self.kind),
            Condition("side", "=", self.side),
            Condition("notional_usd", ">=", self.min_notional),
        ]
        return [*super().conditions(listing), *(one for one in found if one.value is not None)]


class Whales(OfWhales, Page):
    """Of /whales."""


class Gaps(Page):
    """Of /gaps."""

    state: Literal["open", "repaired", "exchange_gap", "unrepaired"] | None = Field(
        None, description="`exchange_gap`: the exchange itself has no such trades; `unrepaired`: given up."
    )

    def conditions(self, listing: Listing) -> list[Condition]:
        """The state too."""
        found = super().conditions(listing)
        return found if self.state is None else [*found, Condition("state", "=", self.state)]
