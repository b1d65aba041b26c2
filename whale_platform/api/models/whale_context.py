"""Models of what a whale is measured by: its share of the trading, its streak, the impact expected and come."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from whale_platform.api.models.units import NUMBER, Price, Quote, Share, Time, Usd

Bps = Annotated[
    str, Field(pattern=NUMBER, description="Hundredths of a per cent of the price before it.", examples=["3.25"])
]


class PricesAround(BaseModel):
    """What the whale's symbol traded at around it, to the microsecond, as the lake has it."""

    before: Price | None = Field(description="Of the trade before it; null where that is over 15 minutes older.")
    after_1s: Price | None = Field(description="Of the last trade at or before a second after; null until a later one.")
    after_10s: Price | None
    after_1: Price | None = Field(description="The same after a minute, and so on.")
    after_5: Price | None
    after_15: Price | None


class VolumeShare(BaseModel):
    """Its share of what its market traded in its minute or hour, itself included. Late trades change it."""

    notional: Quote | None = Field(
        description="Traded so far; null: there is no such window, or it is a block or a liquidation."
    )
    share: Share | None = Field(description="Null until the window has the whale.")
    over: bool = Field(description="Whether its exchange has traded later; until then it is what it is so far.")


class MarketImpact(BaseModel):
    """The square-root law of its market, fitted to the sweeps of a week: an estimate, see the concepts."""

    until: Time = Field(description="The end of the week.")
    hours: int = Field(description="Of that week, in which its exchange was traded here.")
    volatility: float = Field(description="Of a day, a fraction of the price.")
    volume: float = Field(description="Of a day, quote currency.")
    sweeps: int
    factor: float | None = Field(description="Y of the law; null where `note` says why there is none.")
    factor_error: float | None = Field(description="Its standard error.")
    note: str | None


class Measures(BaseModel):
    """Of an order. Of a block or a liquidation all are null: it is part of no window."""

    minute: VolumeShare
    hour: VolumeShare
    streak: int | None = Field(
        description="Whales of its market and side, itself included, that came in the five minutes up to it and after "
        "the last one of the other side."
    )
    net_flow_usd: Usd | None = Field(
        description="What whales of its market bought minus what they sold, in the five minutes up to it."
    )
    moved_bps: Bps | None = Field(
        description="From the price before it to that a second after it, in the direction of its taker."
    )
    expected_bps: Bps | None = Field(description="By `fit`; null where there is no factor.")
    outcome: Literal["absorbed", "as_expected", "broke_through"] | None = Field(
        description="absorbed: it moved less than half of what was expected; broke_through: more than twice as far."
    )
    fit: MarketImpact | None = Field(description="The newest that ended before it; null where there is none.")
