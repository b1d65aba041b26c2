"""Models of the flow by order size."""

from pydantic import BaseModel, Field

from whale_platform.api.models.units import Named, Time, Usd


class SizeBandFlow(BaseModel):
    """Orders from `from_usd` US dollars on and below `to_usd`; null: without an upper end."""

    from_usd: int
    to_usd: int | None
    buy_usd: Usd
    sell_usd: Usd
    cvd_usd: Usd = Field(description="The cumulative volume delta: bought minus sold.")
    buy_orders: int
    sell_orders: int


class MarketFlow(Named):
    """What the orders of each size bought and sold on one market."""

    trades: int = Field(description="All trades of these minutes, as the lake has them.")
    unvalued_trades: int = Field(description="Those of them without a dollar value, which are in no band.")
    bands: list[SizeBandFlow] | None = Field(
        description="Smallest orders first; null where no trade had a dollar value."
    )


class SizeFlows(BaseModel):
    """Of all markets that traded in the time, by exchange and symbol."""

    start: Time | None = Field(alias="from", description="Null before the first minute is stored.")
    end: Time | None = Field(alias="to", description="The end of the newest minute that is stored; it may still grow.")
    items: list[MarketFlow]
