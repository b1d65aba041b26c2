"""One trade inside the simulator, and what a source of trades (generated or recorded) offers to the two protocols."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from whale_platform.domain.catalogue import ListedPair
from whale_platform.domain.trade import Side

PlayState = Literal["waiting", "playing", "finished"]
MarketKey = tuple[str, str]
"""(exchange, symbol): the exchange's name in the registry, and the symbol as that exchange spells it."""


@dataclass(frozen=True, slots=True)
class Fill:
    """One trade as an exchange would publish it.

    price, size: decimal strings as they go out. side: the TAKER's. time, sent_time: trade and event time, µs UTC.
    The order ids, the sequence and the parties are empty where the exchange has none. block: the exchange calls it so.
    """

    market: MarketKey
    trade_id: int
    price: str
    size: str
    side: Side
    time: int
    sent_time: int
    taker_order_id: str = ""
    maker_order_id: str = ""
    sequence: int = 0
    block: bool = False
    buyer: str = ""
    seller: str = ""


class FillPublisher(Protocol):
    """Where a play sends its trades."""

    def publish(self, fill: Fill) -> None:
        """Queue `fill` for everyone subscribed to its market."""

    def flush(self) -> None:
        """Write what is queued."""

    def congested(self) -> bool:
        """Whether someone has not yet taken a good part of what was written."""

    def shed(self) -> None:
        """End the connections of those who congest."""

    def listening(self) -> frozenset[MarketKey]:
        """Markets with at least one subscriber."""


class Play(Protocol):
    """A source of trades with its history; history holds exactly what has been played."""

    @property
    def kind(self) -> Literal["generated", "recorded"]:
        """How the trades come about."""

    @property
    def pairs(self) -> Mapping[MarketKey, ListedPair]:
        """What the exchanges list."""

    @property
    def state(self) -> PlayState:
        """Where the play stands."""

    @property
    def played(self) -> int:
        """Trades played in this home so far."""

    def behind_s(self) -> float:
        """Seconds by which the next trade is late."""

    def last(self, market: MarketKey) -> Fill | None:
        """Return the market's newest trade, or None before the first."""

    def upward(self, market: MarketKey, first_id: int, limit: int) -> list[Fill]:
        """At most `limit` trades from `first_id` on, ascending."""

    def downward(self, market: MarketKey, before_id: int | None, limit: int) -> list[Fill]:
        """At most `limit` trades below `before_id` (None: the newest), descending."""

    async def run(self, publisher: FillPublisher, stop: threading.Event, save: Callable[[], None]) -> None:
        """Play until `stop`; `save` keeps the state at once."""

    def to_save(self) -> dict[str, object]:
        """What a later process in the same home needs to go on from here."""
