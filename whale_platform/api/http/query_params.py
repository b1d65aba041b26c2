"""The parameters of the listings, their bounds, and the conditions that they become.

A parameter that is not known is refused, and so is one that is given twice where it can hold one value only, because a
filter that is silently ignored gives the wrong rows.
"""

from collections import Counter
from decimal import Decimal
from typing import Annotated, Literal

from fastapi.requests import HTTPConnection
from pydantic import BaseModel, ConfigDict, Field, model_validator

from whale_platform.api.errors import ApiProblemError
from whale_platform.api.http.parameter_types import Amount, Exchange, Moment, Symbol, WholeNumber
from whale_platform.domain.market import MarketKind
from whale_platform.domain.names import WHALE_KINDS, WHALE_TIERS
from whale_platform.exchanges import market_kinds
from whale_platform.exchanges.errors import MixedKindsError
from whale_platform.stores.queries.listings import ORDERS, WHALES, ColumnCondition, Listing

WhaleKind = Literal["single_trade", "sweep", "block", "liquidation"]
WhaleTier = Literal["whale", "large", "giant"]
MAX_LIMIT = 1_000
MAX_NAMES = 100
MAX_MINUTES_OF_ALL = 120  # a day of 400 markets is half a million rows: longer than an answer may take
REPEATABLE = frozenset(("exchange", "symbol", "kind", "tier"))  # the parameters that may be repeated


def reject_repeated_params(connection: HTTPConnection) -> None:
    """Raises ApiProblemError where a parameter that holds one value is given twice. Every endpoint depends on it."""
    if connection.scope["type"] != "http":
        return  # a socket says what it wants in its first message
    for name, times in Counter(name for name, _ in connection.query_params.multi_items()).items():
        if times > 1 and name not in REPEATABLE:
            raise ApiProblemError(422, f"{name[:40]!a}: it is given {times} times: give it once")


class NoParams(BaseModel):
    """A query string without any parameter."""

    model_config = ConfigDict(extra="forbid")


class MarketFilter(NoParams):
    """Some exchanges or symbols; empty: all."""

    exchange: list[Exchange] = Field([], max_length=MAX_NAMES, description="Repeat it for rows of several.")
    symbol: list[Symbol] = Field([], max_length=MAX_NAMES, description="Repeat it for rows of several.")

    def matches(self, exchange: str, symbol: str) -> bool:
        """Whether both are wanted."""
        return (not self.exchange or exchange in self.exchange) and (not self.symbol or symbol in self.symbol)

    def build_market_conditions(self) -> list[ColumnCondition]:
        """Those on exchange and symbol; none where all are wanted."""
        wanted = (("exchange", self.exchange), ("symbol", self.symbol))
        return [ColumnCondition(column, "in", names) for column, names in wanted if names]


class TimeRangeFilter(MarketFilter):
    """Rows of a time."""

    start: Moment | None = Field(
        None, alias="from", description="Rows of this time (RFC 3339) and later.", examples=["2026-11-21T10:00:00Z"]
    )
    end: Moment | None = Field(
        None, alias="to", description="Rows before this time (RFC 3339).", examples=["2026-11-21T12:00:00Z"]
    )

    @model_validator(mode="after")
    def _check_order(self) -> "TimeRangeFilter":
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError("`from` must lie before `to`")
        return self

    def build_conditions(self, listing: Listing) -> list[ColumnCondition]:
        """Of this question on that listing."""
        found = [
            ColumnCondition(listing.time, ">=", self.start),
            ColumnCondition(listing.time, "<", self.end),
        ]
        return [*self.build_market_conditions(), *(one for one in found if one.value is not None)]


class ListingParams(TimeRangeFilter):
    """What every listing takes."""

    limit: Annotated[int, WholeNumber] = Field(100, ge=1, le=MAX_LIMIT, description="At most so many rows.")
    cursor: str | None = Field(
        None, min_length=1, max_length=400, description="`next` of the page before: goes on after it."
    )
    form: Literal["json", "csv"] | None = Field(
        None, alias="format", description="Over the Accept header: JSON unless that asks for text/csv alone."
    )


class KindFilter(MarketFilter):
    """Some kinds and tiers of whales; empty: all."""

    kind: list[WhaleKind] = Field(
        [],
        max_length=len(WHALE_KINDS),
        description="`single_trade`: one fill over the threshold; `sweep`: all fills of one taker order together; "
        "`block`: a trade that the exchange calls a block; `liquidation`: a position that it has closed. Repeat "
        "it for several.",
    )
    tier: list[WhaleTier] = Field(
        [],
        max_length=len(WHALE_TIERS),
        description="By the amounts of its symbol that held at its time: `large` and `giant` begin at 5 and 20 times "
        "the threshold unless other amounts are set. Repeat it for several.",
    )


class WhaleFilter(KindFilter, TimeRangeFilter):
    """The parameters that select whales."""

    side: Literal["buy", "sell"] | None = Field(None, description="The taker's side.")
    min_notional: Annotated[Decimal | None, Amount] = Field(
        None, ge=0, max_digits=24, decimal_places=8, description="From so many US dollars on.", examples=["250000"]
    )

    @property
    def listing(self) -> Listing:
        """Where whales are read: as orders, so that none comes again in a sweep, unless sweeps are not wanted."""
        return ORDERS if not self.kind or "sweep" in self.kind else WHALES

    def build_conditions(self, listing: Listing) -> list[ColumnCondition]:
        """Add the conditions on kind, tier, side and notional."""
        found = [
            ColumnCondition("kind", "in", self.kind or None),
            ColumnCondition("tier", "in", self.tier or None),
            ColumnCondition("side", "=", self.side),
            ColumnCondition("notional_usd", ">=", self.min_notional),
        ]
        return [*super().build_conditions(listing), *(one for one in found if one.value is not None)]


class WhaleSummaryParams(WhaleFilter):
    """The parameters of `/whales/summary`."""

    market_kind: MarketKind | None = Field(
        None,
        description="Of which markets the sums are; without it of those of `exchange`, and without that too of `spot`, "
        "or of `liquidation` where `kind` is that alone.",
    )

    @property
    def summed_kind(self) -> MarketKind:
        """Of which market kind the sums are. Raises ApiProblemError where `exchange` names several."""
        try:
            return self.market_kind or market_kinds.choose_kind(self.exchange, self.kind)
        except MixedKindsError as error:
            raise ApiProblemError(422, f"exchange: {error}; give one market_kind") from None


class WhaleListingParams(WhaleFilter, ListingParams):
    """The parameters of `/whales`."""


class GapListingParams(ListingParams):
    """The parameters of `/gaps`."""

    state: Literal["open", "repaired", "exchange_gap", "unrepaired"] | None = Field(
        None, description="`exchange_gap`: the exchange itself has no such trades; `unrepaired`: given up."
    )

    def build_conditions(self, listing: Listing) -> list[ColumnCondition]:
        """Add the condition on the state."""
        found = super().build_conditions(listing)
        return found if self.state is None else [*found, ColumnCondition("state", "=", self.state)]


class SparklineParams(MarketFilter):
    """The parameters of `/sparklines`."""

    minutes: Annotated[int, WholeNumber] = Field(60, ge=1, le=1_440, description="How many.", examples=[60])


class SizeFlowParams(MarketFilter):
    """The parameters of `/flow`."""

    minutes: Annotated[int, WholeNumber] = Field(
        120,
        ge=1,
        le=1_440,
        description=f"How many; more than {MAX_MINUTES_OF_ALL} of named symbols only.",
        examples=[120],
    )
    min_usd: Annotated[int, WholeNumber] = Field(
        0, ge=0, le=10**12, description="Without the bands that begin below so many US dollars.", examples=[1_000_000]
    )

    @model_validator(mode="after")
    def _check_markets(self) -> "SizeFlowParams":
        if self.minutes > MAX_MINUTES_OF_ALL and not self.symbol:
            raise ValueError(f"more than {MAX_MINUTES_OF_ALL} minutes: name a symbol")
        return self


class WhaleContextParams(NoParams):
    """The parameters of one whale."""

    kind: list[WhaleKind] = Field(
        [], max_length=1, description="Of several whales with this id; without it a sweep before its first fill."
    )
    topic: Literal["read", "skip"] = Field(
        "read", description="skip: without `trade` and `around`, for which Kafka is read."
    )


class WhaleStreamParams(KindFilter):
    """The parameters of `/whales/stream`."""

    min_notional_usd: str | None = Field(None, description="From so many US dollars on.", examples=["100000"])
    cursor: str | None = Field(None, description="As Last-Event-ID, for clients that can't set headers.")
