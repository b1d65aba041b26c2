"""What the ingester needs of an exchange: pure functions from bytes to events, and addresses.

An adapter never does I/O, so recorded frames test all of it. What can't be understood raises `InvalidFrameError`, which
sends the frame to the dead letters; what is understood but not a trade becomes one of the small events below.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from whale_platform.domain.catalogue import ListedPair, SymbolCatalogue
from whale_platform.domain.market import MarketKind
from whale_platform.domain.trade import Source, Trade
from whale_platform.exchanges.dump_format import DumpFormat


@dataclass(frozen=True, slots=True)
class LastTrade:
    """The exchange's newest trade at subscription: tells what was missed, is not itself new."""

    trade: Trade


@dataclass(frozen=True, slots=True)
class EarlierTrade:
    """One of the trades before a `LastTrade`, where the exchange sends several at subscription, the oldest first.

    It fills what was missed of a known symbol, and a new symbol does not begin with it.
    """

    trade: Trade


@dataclass(frozen=True, slots=True)
class SymbolRejected:
    """The exchange refuses `symbol` (delisted, unknown); the other symbols must go on without it.

    Empty: it refuses one of those asked for last, and does not say which. `number`: of the message, where it says so.
    """

    symbol: str
    reason: str
    number: int | None = None


@dataclass(frozen=True, slots=True)
class SubscriptionConfirmed:
    """The exchange has confirmed message `number`, or that all of `symbols` are subscribed, as far as it says."""

    number: int | None = None
    symbols: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class ServerShutdown:
    """The exchange is about to close this connection: open the replacement now."""


@dataclass(frozen=True, slots=True)
class MessageNumber:
    """The number of a message among all of its connection: each is one above the one before, else some were lost."""

    number: int


@dataclass(frozen=True, slots=True)
class IgnoredMessage:
    """Understood and of no interest (heartbeats, other channels); `kind` is counted."""

    kind: str


@dataclass(frozen=True, slots=True)
class Keepalive:
    """A text that a connection must send every `interval_s` seconds, or the exchange closes it."""

    message: str
    interval_s: float


Event = (
    Trade
    | LastTrade
    | EarlierTrade
    | SymbolRejected
    | SubscriptionConfirmed
    | ServerShutdown
    | MessageNumber
    | IgnoredMessage
)


class Exchange(Protocol):
    """One exchange's protocol; adapters are frozen, but for what their catalogue learns.

    A REST address that is None stands for what the exchange does not show: without history the ids of a gap end as
    `unrepaired`, without a list every symbol is asked for by its name.
    """

    @property
    def ws_url(self) -> str:
        """Address of its streams, without a trailing slash."""

    @property
    def rest_url(self) -> str:
        """Address of its REST side, without a trailing slash."""

    @property
    def request_headers(self) -> Sequence[tuple[str, str]]:
        """Names and values of headers that its REST side expects beside the usual ones."""

    @property
    def name(self) -> str:
        """What goes into every trade's `exchange`."""

    @property
    def dense_ids(self) -> bool:
        """Whether trade ids are contiguous per symbol. Where not, they are below 2^53, and no gap can be seen.

        Then trades that were missed between two connections are those of `newest_url`, or of `EarlierTrade` and
        `LastTrade`.
        """

    @property
    def max_life_s(self) -> float | None:
        """Age in seconds at which to renew a connection; None: never."""

    @property
    def keepalive(self) -> Keepalive | None:
        """What a connection sends beside WebSocket pings, well below the exchange's own limit; None: nothing."""

    @property
    def history_page(self) -> int:
        """The most trades that one page of history holds."""

    @property
    def shows_earlier(self) -> bool:
        """Whether history or a new subscription shows earlier trades; where not, what is missed stays missing."""

    @property
    def history_per_second(self) -> float:
        """History requests a second that the exchange tolerates for good."""

    @property
    def listed(self) -> SymbolCatalogue:
        """What the exchange lists, as far as it is known."""

    @property
    def symbols_per_connection(self) -> int:
        """The most symbols that one connection is asked for."""

    @property
    def symbols_per_message(self) -> int:
        """The most symbols that one message asks for."""

    @property
    def messages_per_second(self) -> float:
        """Messages a second that all connections together may send for good."""

    @property
    def source(self) -> Source:
        """What marks the trades of its socket."""

    def symbol(self, name: str) -> str | None:
        """The exchange's spelling of what an operator wrote (`symbols.py`), as far as its list tells.

        None if it is another exchange's. Raises ValueError for nonsense.
        """

    def unreadable(self, symbol: str) -> str | None:
        """Why no trade of `symbol` can be read yet, for a person; None where it can."""

    def connect_url(self) -> str:
        """WebSocket address; symbols are asked for by message."""

    def subscribe(self, symbols: Sequence[str], number: int) -> str:
        """The message that asks for these symbols; its answer tells `number`, where the exchange can."""

    def parse(self, frame: str | bytes, received_time: int) -> list[Event]:
        """Events of one frame. Raises InvalidFrameError."""

    def history_url(self, symbol: str, first_id: int, last_id: int) -> str | None:
        """REST address of one page of trades that helps to fill [first_id, last_id]."""

    def next_history_url(self, symbol: str, first_id: int, last_id: int, page: Sequence[Trade]) -> str | None:
        """The following page, given the last one fetched; None when [first_id, last_id] is covered or history ends.

        Raises HistoryOutOfReachError where the exchange has trades below `page`, from `first_id` on, and shows none of
        them: what is missing there may exist.
        """

    def newest_url(self, symbol: str) -> str | None:
        """REST address of one page of history that holds the newest trade of `symbol`.

        None: history shows nothing without an id to begin with, so it is requested from the newest known id on.
        Without contiguous ids the page has as many of the newest trades as one may have, at most `history_page`.
        """

    def parse_history(self, symbol: str, body: bytes, received_time: int, source: Source = "repair") -> list[Trade]:
        """Trades of one page, any order. Raises InvalidFrameError."""

    def time_url(self) -> str | None:
        """REST address that tells the exchange's clock."""

    def parse_time(self, body: bytes) -> int:
        """The clock in its answer, microseconds UTC. Raises InvalidFrameError."""

    def check_url(self, symbol: str) -> str | None:
        """REST address of a listed symbol, in a form that `parse_listing` reads.

        For another symbol the response is 4xx, or a list in which `parse_listing` finds nothing.
        """

    def listing_url(self) -> str | None:
        """REST address of all that it lists."""

    def parse_listing(self, body: bytes) -> list[ListedPair]:
        """The pairs in its answer. Raises InvalidFrameError."""


@runtime_checkable
class TimedHistory(Protocol):
    """What an adapter has beside `Exchange` where the exchange's history is requested by time and not by id.

    Its `history_url` is that of the newest page then, and its `next_history_url` goes up from a page.
    """

    def history_since_url(self, symbol: str, since: int) -> str:
        """REST address of the oldest page of trades from `since` on, microseconds UTC."""


class AdapterFactory(Protocol):
    """An adapter's class. What is left out is that of the real exchange."""

    def __call__(
        self,
        ws_url: str = ...,
        rest_url: str = ...,
        name: str = ...,
        source: Source = ...,
        *,
        listed: SymbolCatalogue = ...,
    ) -> Exchange:
        """Return an adapter for these addresses; `name` and `source` mark its trades."""


@dataclass(frozen=True, slots=True)
class ExchangeSpec:
    """One exchange, as its folder describes it in `EXCHANGE`.

    title: its name for people. by_default: whether it is ingested where WHALE_EXCHANGES is not set. dumps: its files of
    past trades; None where it publishes none that the lake can import. market_kind: of all of its markets; sums over
    several exchanges take those of one kind. order_book_of: the registered exchange whose trades of a symbol these are
    too; None where it has an order book of its own. has_history: whether past trades can be requested, so that a gap
    can be repaired.
    """

    title: str
    adapter: AdapterFactory
    by_default: bool = False
    dumps: DumpFormat | None = None
    market_kind: MarketKind = "spot"
    order_book_of: str | None = None
    has_history: bool = True
