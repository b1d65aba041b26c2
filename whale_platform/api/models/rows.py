"""The listings: rows of the tables, and a page of them."""

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, Field

from whale_platform.api.models.units import (
    NUMBER,
    Bar,
    Base,
    Currencies,
    Fills,
    FirstPrice,
    Kind,
    LastTradeId,
    Levels,
    MarketKind,
    Named,
    Price,
    Quote,
    Run,
    Share,
    Side,
    Source,
    Tier,
    Time,
    TradeId,
    Usd,
)

Row = TypeVar("Row")
Code = Annotated[str, Field(description="The git commit, or the package's version.")]
MadeFrom = Annotated[
    Literal["stream", "lake"], Field(description="lake: computed again from the lake, which has authority.")
]
Partition = Annotated[
    int | None, Field(description="Of its newest trade in raw_crypto_trades; null: imported, or not known.")
]
Offset = Annotated[int | None, Field(description="In that partition.")]


class Window(Named, Currencies, Bar):
    """One minute by event time. It grows until the minute is over and late trades have come."""

    window_start: Time
    average_price: Price
    trade_count: int
    first_trade_id: TradeId
    last_trade_id: TradeId
    last_event_time: Time
    source: Source
    run_id: Run
    updated_at: Time = Field(description="When the stream emitted it, or it was computed again.")
    made_from: MadeFrom
    topic_partition: Partition
    topic_offset: Offset


class Rollup(Named, Currencies, Bar):
    """One hour by event time."""

    hour: Time
    buy_share: Share
    trade_count: int
    realised_volatility: float = Field(description="Root of the summed squared log changes of the minutes' closes.")
    minutes: int = Field(description="Minutes with trades.")
    first_trade_id: TradeId
    last_trade_id: TradeId
    run_id: Run
    materialised_at: Time
    code_version: Code


class Whale(Named, Currencies):
    """A trade, sweep, block or liquidation over its symbol's threshold. Sums and ids of a sweep are those so far."""

    kind: Kind
    trade_id: TradeId = Field(description="Of a sweep that of its first fill.")
    side: Side
    price: Price = Field(description="Quote currency for one base unit; of a sweep that of its newest fill.")
    quantity: Base
    notional_usd: Usd
    threshold_usd: Usd
    event_time: Time = Field(description="The exchange's trade time, UTC.")
    received_time: Time = Field(description="When the frame reached this platform, UTC.")
    detected_time: Time = Field(description="When the stream emitted this state, UTC: it moves with a sweep.")
    source: Source
    run_id: Run
    made_from: MadeFrom
    topic_partition: Partition
    topic_offset: Offset
    notional: Annotated[
        str | None, Field(pattern=NUMBER, description="Quote currency; null: of a time before that was stored.")
    ]
    usd_rate: Annotated[
        str | None,
        Field(pattern=NUMBER, description="US dollars for one unit of the quote currency; null: `usd_via` says one."),
    ]
    fills: Fills
    levels: Levels
    first_price: FirstPrice
    last_trade_id: LastTradeId
    sweep_first_id: Annotated[
        int | None,
        Field(
            description="Of a single trade that continues its order: the first trade id of that order, which is the "
            "trade_id of its sweep. Null where it is the first fill itself."
        ),
    ]
    vwap: Annotated[str | None, Field(pattern=NUMBER, description="notional / quantity.")]
    slippage_bps: Annotated[
        str | None,
        Field(
            pattern=NUMBER,
            description="Of a sweep: by how much its last price was worse for the taker than its first, in hundredths "
            "of a per cent.",
            examples=["3.25"],
        ),
    ]
    tier: Tier


class TakenBack(Named):
    """A whale that was deleted, because the hour, computed again from the lake, does not have it."""

    kind: Kind
    trade_id: TradeId
    side: Side
    price: Price
    quantity: Base
    notional_usd: Usd
    threshold_usd: Usd
    event_time: Time
    detected_time: Time
    run_id: Run
    reason: str
    taken_back_by: Run
    taken_back_time: Time
    fills: Fills
    levels: Levels
    first_price: FirstPrice
    last_trade_id: LastTradeId
    tier: Tier


class ClusterMember(Named):
    """An order of a cluster: a sweep, or a single trade that is part of none."""

    market_kind: MarketKind
    kind: Literal["single_trade", "sweep"]
    trade_id: TradeId = Field(description="Of a sweep that of its first fill.")
    event_time: Time
    notional_usd: Usd


class Cluster(Named):
    """Whales of one base and side on several exchanges within seconds. `exchange` to `event_time` are of the first."""

    trade_id: TradeId = Field(description="Of a sweep that of its first fill.")
    base: str = Field(description="Base currency.", examples=["BTC"])
    side: Side
    event_time: Time
    last_time: Time = Field(description="Of the last member.")
    orders: int = Field(description="Members.", examples=[3])
    exchanges: int = Field(description="On how many exchanges they are.", examples=[2])
    spot_usd: Annotated[
        str | None, Field(pattern=NUMBER, description="US dollars of the members on spot markets; null: there is none.")
    ]
    perpetual_usd: Annotated[
        str | None, Field(pattern=NUMBER, description="Of those on markets of perpetuals: never added to the others.")
    ]
    members: list[ClusterMember] = Field(description="By time. In CSV: JSON.")
    score: float = Field(description="How unlikely it is that orders follow so soon, as a sum of logarithms.")
    chance: float = Field(description="Share of orders at shuffled times that score as much (p).")
    false_discovery_rate: float = Field(
        description="Expected share of false ones among the clusters of the hour with this score or a better one (q).",
        examples=[0.04],
    )
    run_id: Run
    materialised_at: Time
    code_version: Code


class Report(Named):
    """The whales of one symbol and hour, as orders: a fill of a sweep is counted in the sweep."""

    hour: Time
    whales: int = Field(description="The sum of single_trades, sweeps and blocks.")
    notional_usd: Usd
    buy_usd: Usd
    sell_usd: Usd
    net_flow_usd: Usd
    market_notional: Quote
    share: Annotated[str, Field(pattern=NUMBER, description="whale_notional / market_notional.")]
    complete: bool = Field(description="Whether the prices after the last whales are in it.")
    largest: list[dict[str, Any]] = Field(
        description="Up to ten: the alert, the price of the trade before it, and of the last one at or before 1, 5 and "
        "15 minutes after; null where the lake had none, or had not come so far. In CSV: JSON."
    )
    run_id: Run
    materialised_at: Time
    code_version: Code
    single_trades: int
    sweeps: int
    blocks: int
    whale_notional: Quote = Field(
        description="Of the single trades and sweeps, quote currency: blocks are no part of the market's notional."
    )


class Gap(Named):
    """Trade ids first_id to last_id, all missing when it was found."""

    first_id: TradeId
    last_id: TradeId
    cause: str = Field(description="restart, reconnect, stream, or epoch where the exchange restarted its ids.")
    mode: str = Field(description="inline: filled before later trades; background: afterwards.")
    state: Literal["open", "repaired", "exchange_gap", "unrepaired"]
    found_time: Time
    closed_time: Time | None
    filled: int = Field(description="Trades fetched so far.")
    progress_id: int | None
    detail: str
    updated_at: Time


class Page(BaseModel, Generic[Row]):
    """Newest first. `next`: the cursor of the next page, null at the end."""

    items: list[Row]
    next: str | None
