"""`/latest` and `/symbols`: what is kept in memory."""

from typing import Annotated

from pydantic import BaseModel, Field

from whale_platform.api.models.units import (
    NUMBER,
    Bar,
    Base,
    Change,
    Currencies,
    Fills,
    Kind,
    Named,
    Price,
    Quote,
    Side,
    Time,
    TradeId,
    Usd,
)


class LatestWindow(Bar):
    """The newest minute so far."""

    start: Time
    trades: int


class Span(BaseModel):
    """The last 60 or 1,440 minutes, the newest included. `since`: the first minute, or hour, that had a trade."""

    since: Time
    change: Change
    volume: Base
    notional: Quote
    trades: int


class LastWhale(BaseModel):
    """The symbol's newest whale, a sweep in the place of its fills."""

    kind: Kind
    trade_id: TradeId
    side: Side
    price: Price
    quantity: Base
    notional_usd: Usd
    event_time: Time
    fills: Fills


class Latest(Named, Currencies):
    """The newest state of one symbol."""

    price: Price
    window: LatestWindow
    hour: Span | None
    day: Span | None
    last_whale: LastWhale | None
    last_event_time: Time = Field(description="Of the newest trade in it, the exchange's time.")
    updated_at: Time = Field(description="When the stream reported it.")
    age_s: float = Field(description="Seconds from updated_at to as_of.", examples=[0.4])
    stale: bool = Field(
        description="No trade of it has come for two minutes, and its feed is broken: its exchange is not connected or "
        "refuses it, or trades do not reach Postgres. Where nothing is known of the connection: no trade of any market "
        "of the exchange has come for two minutes."
    )
    quiet: bool = Field(
        description="No trade of it has come for two minutes though its exchange's feed works: nobody trades it. Never "
        "with `stale`."
    )
    reason: str | None = Field(description="Why it is stale.")


class Board(BaseModel):
    """All of them."""

    as_of: Time = Field(description="When this answer was made; at most a second ago.")
    stale: bool = Field(
        description="Nothing of it is to be trusted as new: a service or Postgres does not work, or all symbols are "
        "stale."
    )
    reason: str | None = Field(description="Why it is stale.")
    symbols: list[Latest]


class SymbolRow(Named, Currencies):
    """A symbol that has trades."""

    threshold_usd: Annotated[
        str | None, Field(pattern=NUMBER, description="A trade from so many US dollars on is a whale.")
    ]
    newest_window: Time
    updated_at: Time
    note: str | None = Field(description="Why no trade of it can be found to be a whale; null where it can.")


class Symbols(BaseModel):
    """All of them, by exchange and name."""

    items: list[SymbolRow]
