"""Fields that many shapes share, each with its unit and an example."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from whale_platform.domain import market

NUMBER = r"^-?\d+(\.\d+)?$"
Time = Annotated[
    str, Field(json_schema_extra={"format": "date-time"}, description="UTC.", examples=["2026-11-21T10:00:00Z"])
]
Price = Annotated[str, Field(pattern=NUMBER, description="Quote currency for one base unit.", examples=["61837.63"])]
Base = Annotated[str, Field(pattern=NUMBER, description="Base units, such as BTC.", examples=["3.25"])]
Quote = Annotated[str, Field(pattern=NUMBER, description="Quote currency.", examples=["200999.123456789"])]
Usd = Annotated[str, Field(pattern=NUMBER, description="US dollars.", examples=["123675.26"])]
Share = Annotated[str, Field(pattern=NUMBER, description="0 to 1.", examples=["0.692307692"])]
Change = Annotated[
    str | None, Field(pattern=NUMBER, description="Of the price, as a fraction: 0.01 is 1 %.", examples=["0.012345"])
]
Exchange = Annotated[str, Field(description="The exchange, `sim_…` for generated trades.", examples=["binance"])]
Symbol = Annotated[str, Field(description="As the exchange spells it.", examples=["BTCUSDT"])]
TradeId = Annotated[int, Field(description="The exchange's id of the trade.", examples=[3721043801])]
Side = Annotated[Literal["buy", "sell"], Field(description="The taker's side.")]
Kind = Annotated[
    Literal["single_trade", "sweep", "block", "liquidation"],
    Field(
        description="single_trade: one fill over the threshold; sweep: all fills of one taker order together; block: a "
        "trade that the exchange calls a block, with ids of their own; liquidation: a position that the exchange has "
        "closed, as it tells of it: at the bankruptcy price, with the side of the closing order and an id made of both."
    ),
]
Tier = Annotated[
    Literal["whale", "large", "giant"],
    Field(description="By the amounts of its symbol that held at event_time. That of a sweep rises as it grows."),
]
Fills = Annotated[int | None, Field(description="Of a sweep: how many so far.", examples=[12])]
Levels = Annotated[int | None, Field(description="Of a sweep: how often its price has changed, plus one.")]
FirstPrice = Annotated[str | None, Field(pattern=NUMBER, description="Of a sweep: that of its first fill.")]
LastTradeId = Annotated[
    int | None,
    Field(description="Of a sweep: the id of its newest fill."),
]
Run = Annotated[str, Field(description="The run and the code that made it.")]
Source = Annotated[str, Field(description="live, repair, import, replay or simulated.", examples=["live"])]


MarketKind = Annotated[
    market.MarketKind,
    Field(description="What its exchange trades: no sum over exchanges takes two kinds.", examples=["spot"]),
]


class Named(BaseModel):
    """A symbol of an exchange."""

    exchange: Exchange
    symbol: Symbol


class Currencies(BaseModel):
    """What a symbol's amounts are in. Null in rows from before this was stored, where it is not known since."""

    base: str | None = Field(description="Base currency, as the exchange states it.", examples=["BTC"])
    quote: str | None = Field(description="Quote currency, likewise.", examples=["USDT"])
    usd_via: str | None = Field(
        description="How an amount in the quote currency becomes US dollars: `USD`, `peg:…` (a coin at one dollar), "
        "of a whale also the pair whose price is `usd_rate`; null: it has no dollar value here.",
        examples=["peg:USDT"],
    )


class Bar(BaseModel):
    """Prices and volumes of a time. Volumes by the taker's side."""

    open: Price
    high: Price
    low: Price
    close: Price
    vwap: Price
    volume: Base
    notional: Quote
    buy_volume: Base
    sell_volume: Base
