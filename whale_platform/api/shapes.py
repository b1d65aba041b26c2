"""The shapes of the answers, for the OpenAPI description: fields, units, examples.

Answers are not passed through these models (a thousand rows would take a tenth of a second); the tests hold both to
each other.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

_NUMBER = r"^-?\d+(\.\d+)?$"
Time = Annotated[
    str, Field(json_schema_extra={"format": "date-time"}, description="UTC.", examples=["2026-11-21T10:00:00Z"])
]
Price = Annotated[str, Field(pattern=_NUMBER, description="Quote currency for one base unit.", examples=["61837.63"])]
Base = Annotated[str, Field(pattern=_NUMBER, description="Base units, such as BTC.", examples=["3.25"])]
Quote = Annotated[str, Field(pattern=_NUMBER, description="Quote currency.", examples=["200999.123456789"])]
Usd = Annotated[str, Field(pattern=_NUMBER, description="US dollars.", examples=["123675.26"])]
Share = Annotated[str, Field(pattern=_NUMBER, description="0 to 1.", examples=["0.692307692"])]
Change = Annotated[
    str | None, Field(pattern=_NUMBER, description="Of the price, as a fraction: 0.01 is 1 %.", examples=["0.012345"])
]
Exchange = Annotated[str, Field(description="The exchange, `sim_…` for generated trades.", examples=["binance"])]
Symbol = Annotated[str, Field(description="As the exchange spells it.", examples=["BTCUSDT"])]
TradeId = Annotated[int, Field(description="The exchange's id of the trade.", examples=[3721043801])]
Side = Annotated[Literal["buy", "sell"], Field(description="The taker's side.")]
Run = Annotated[str, Field(description="The run and the code that made it.")]
Source = Annotated[str, Field(description="live, repair, import, replay or simulated.", examples=["live"])]


class Named(BaseModel):
    """A symbol of an exchange."""

    exchange: Exchange
    symbol: Symbol


class Bar(Named):
    """What windows and rollups share. Volumes by the taker's side."""

    open: Price
    high: Price
    low: Price
    close: Price
    vwap: Price
    volume: Base
    notional: Quote
    buy_volume: Base
    sell_volume: Base
    trade_count: int


class Window(Bar):
    """One minute by event time. It grows until the minute is over and late trades have come."""

    window_start: Time
    average_price: Price
    first_trade_id: TradeId
    last_trade_id: TradeId
    last_event_time: Time
    source: Source
    run_id: Run
    updated_at: Time = Field(description="When the stream said so.")


class Rollup(Bar):
    """One hour by event time."""

    hour: Time
    buy_share: Share
    realised_volatility: float = Field(description="Root of the summed squared log changes of the minutes' closes.")
    minutes: int = Field(description="Minutes with trades.")
    first_trade_id: TradeId
    last_trade_id: TradeId
    run_id: Run
    materialised_at: Time


class Whale(Named):
    """One trade over the threshold of its symbol."""

    kind: str = Field(examples=["single_trade"])
    trade_id: TradeId
    side: Side
    price: Price
    quantity: Base
    notional_usd: Usd
    threshold_usd: Usd
    event_time: Time = Field(description="The exchange's trade time, UTC.")
    received_time: Time = Field(description="When the frame reached this platform, UTC.")
    detected_time: Time = Field(description="When the stream emitted it, UTC.")
    source: Source
    run_id: Run


class Report(Named):
    """The whales of one symbol and hour."""

    hour: Time
    whales: int
    notional_usd: Usd
    buy_usd: Usd
    sell_usd: Usd
    net_flow_usd: Usd
    market_notional: Quote
    share: Annotated[str, Field(pattern=_NUMBER, description="notional_usd / market_notional.")]
    complete: bool = Field(description="Whether the prices after the last whales are in it.")
    largest: list[dict[str, Any]] = Field(
        description="Up to ten: the alert, and the close before its minute and 1, 5 and 15 minutes after; null where "
        "the stream had not come so far. In CSV: JSON."
    )
    run_id: Run
    materialised_at: Time


class Gap(Named):
    """Trade ids first_id to last_id, all missing when it was found."""

    first_id: TradeId
    last_id: TradeId
    cause: str = Field(description="restart, reconnect or stream.")
    mode: str = Field(description="inline: filled before later trades; background: afterwards.")
    state: Literal["open", "repaired", "exchange_gap", "unrepaired"]
    found_time: Time
    closed_time: Time | None
    filled: int = Field(description="Trades fetched so far.")
    progress_id: int | None
    detail: str
    updated_at: Time


class LatestWindow(BaseModel):
    """The newest minute so far."""

    start: Time
    open: Price
    high: Price
    low: Price
    close: Price
    vwap: Price
    volume: Base
    notional: Quote
    buy_volume: Base
    sell_volume: Base
    trades: int


class Span(BaseModel):
    """The last 60 or 1,440 minutes, the newest included. `since`: the first of them that had a trade."""

    since: Time
    change: Change
    volume: Base
    notional: Quote
    trades: int


class LastWhale(BaseModel):
    """The symbol's newest whale."""

    kind: str
    trade_id: TradeId
    side: Side
    price: Price
    quantity: Base
    notional_usd: Usd
    event_time: Time


class Latest(Named):
    """The newest state of one symbol."""

    price: Price
    window: LatestWindow
    hour: Span | None
    day: Span | None
    last_whale: LastWhale | None
    last_event_time: Time = Field(description="Of the newest trade in it, the exchange's time.")
    updated_at: Time = Field(description="When the stream said so.")
    age_s: float = Field(description="Seconds from updated_at to as_of.", examples=[0.4])
    stale: bool
    reason: str | None = Field(description="Why it is stale.")


class Board(BaseModel):
    """All of them. `stale`: nothing of it is to be trusted as new."""

    as_of: Time = Field(description="When this answer was made; at most a second ago.")
    stale: bool
    reason: str | None
    symbols: list[Latest]


class SymbolRow(Named):
    """A symbol that has trades."""

    threshold_usd: Annotated[
        str | None, Field(pattern=_NUMBER, description="A trade from so many US dollars on is a whale.")
    ]
    newest_window: Time
    updated_at: Time


class Symbols(BaseModel):
    """All of them, by exchange and name."""

    items: list[SymbolRow]


class Part(BaseModel):
    """One part of the platform. `state`: ready, degraded, starting, stopping, blocked, silent, stopped, away, none."""

    state: str
    detail: str
    age_s: float | None = Field(None, description="Seconds since it last gave a sign of life.")
    lag: int | None = Field(None, description="Messages it has yet to read; null where it has none or does not know.")


class Health(BaseModel):
    """`status`: ok, degraded (see `stale`), or away: no database, answered 503."""

    status: Literal["ok", "degraded", "away"]
    checked_at: Time
    stale: list[str] = Field(description="A sentence for each part that is not as it should be.")
    postgres: Part
    kafka: Part
    lake: Part
    latest: Part
    services: dict[str, Part]


class WindowPage(BaseModel):
    """Newest first. `next`: the cursor of the next page, null at the end."""

    items: list[Window]
    next: str | None


class RollupPage(BaseModel):
    """Newest first. `next`: the cursor of the next page, null at the end."""

    items: list[Rollup]
    next: str | None


class WhalePage(BaseModel):
    """Newest first. `next`: the cursor of the next page, null at the end."""

    items: list[Whale]
    next: str | None


class ReportPage(BaseModel):
    """Newest first. `next`: the cursor of the next page, null at the end."""

    items: list[Report]
    next: str | None


class GapPage(BaseModel):
    """Newest first. `next`: the cursor of the next page, null at the end."""

    items: list[Gap]
    next: str | None
