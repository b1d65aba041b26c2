"""Models of the dashboard's views: sparklines, whales summed up, a whale with its context."""

from pydantic import BaseModel, Field

from whale_platform.api.models.rows import Cluster, Report, Whale, Window
from whale_platform.api.models.units import Base, Kind, MarketKind, Named, Price, Quote, Side, Time, TradeId, Usd
from whale_platform.api.models.whale_context import Measures, PricesAround


class Sparkline(Named):
    """The closes of a symbol's last minutes, oldest first; a minute without trades is left out."""

    times: list[int] = Field(description="Begins of the minutes, epoch seconds.", examples=[[1795255200, 1795255260]])
    closes: list[Price]


class Sparklines(BaseModel):
    """Of all symbols, by exchange and name."""

    items: list[Sparkline]


class HourFlow(BaseModel):
    """Whales of one hour by event time."""

    hour: Time
    whales: int
    buy_usd: Usd
    sell_usd: Usd


class KindTotal(BaseModel):
    """Whales of one kind."""

    kind: Kind
    whales: int
    notional_usd: Usd


class SizeBin(BaseModel):
    """Whales from `from_usd` on and below `to_usd`; null: without an upper end."""

    from_usd: int
    to_usd: int | None
    buys: int
    sells: int


class MarketKindFlow(BaseModel):
    """Whales of the markets of one kind."""

    market_kind: MarketKind
    whales: int
    buy_usd: Usd
    sell_usd: Usd


class WhaleSummary(BaseModel):
    """The whales of a time and of one market kind summed up, each dollar once. `hours`, `kinds`: those with whales.

    `top`: the largest first.
    """

    market_kind: MarketKind
    others: list[MarketKindFlow] = Field(description="Of the other market kinds that have whales here.")
    start: Time = Field(alias="from")
    end: Time = Field(alias="to")
    whales: int
    buy_usd: Usd
    sell_usd: Usd
    kinds: list[KindTotal]
    hours: list[HourFlow]
    sizes: list[SizeBin]
    top: list[Whale]


class Place(BaseModel):
    """Where a message stands in Kafka."""

    topic: str
    partition: int
    offset: int
    timestamp: Time | None = Field(description="When it was produced; null where Kafka no longer has it.")


class TradeBeside(BaseModel):
    """A trade of the same symbol in topic raw_crypto_trades."""

    trade_id: TradeId
    side: Side
    price: Price
    quantity: Base
    notional: Quote
    event_time: Time
    offset: int
    in_whale: bool = Field(description="Whether it is the whale's trade, of a sweep one of its fills.")


class RunOf(BaseModel):
    """Which run of which code emitted it."""

    id: str
    service: str
    started: Time | None
    code: str = Field(description="The git commit, or the package's version.")


class WhaleContext(BaseModel):
    """One whale: its minute, those around it, its hour's report, its offset in Kafka with its neighbours, its run."""

    whale: Whale
    window: Window | None
    windows: list[Window] = Field(description="From a quarter of an hour before to one after, oldest first.")
    prices: PricesAround | None = Field(description="Null until the lake has a trade a second after it.")
    measures: Measures | None = Field(description="Null for a fill of a sweep, which has them.")
    report: Report | None = Field(description="Null until the hour has been reported.")
    sweep: Whale | None = Field(description="The sweep that this single trade is a fill of.")
    parts: list[Whale] = Field(description="Of a sweep: the single trades that are fills of it, up to 100.")
    cluster: Cluster | None = Field(
        description="The cluster that its order is a member of; null where none was found or its hour was not searched."
    )
    trade: Place | None = Field(description="Of a sweep that of its newest fill.")
    trade_missing: str | None = Field(description="Why its offset is not known.")
    around: list[TradeBeside] = Field(description="Up to 20 before and 20 after, oldest first.")
    run: RunOf
