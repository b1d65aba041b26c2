"""What a connection may have missed of symbols without contiguous ids: the newest trades that history shows.

Such ids show no gap, so each of these symbols is compared with history after each connection that no other one
overlaps: as soon as the connection brings its trades, since history shows only the newest ones. One that shows nothing
for much longer than it used to is compared too, as its subscription may have ended unseen. On a failure nothing is
taken for compared, and the request is made again.
"""

from whale_platform.exchanges.base import Exchange
from whale_platform.ingest.backfill.history_client import HistoryClient
from whale_platform.ingest.backfill.request_trials import RequestKey
from whale_platform.ingest.connections.connection_manager import ConnectionManager
from whale_platform.ingest.publishing.history_intake import HistoryIntake

SUBSCRIBED_AFTER_S = 5.0  # of a symbol that does not trade on the connection
OVERDUE_EVERY_S = 300.0


class ConnectionJoiner:
    """Used by the gap filler's thread."""

    def __init__(
        self, exchange: Exchange, intake: HistoryIntake, feed: ConnectionManager, history: HistoryClient
    ) -> None:
        self._exchange, self._intake, self._feed, self._history = exchange, intake, feed, history
        self._compared: dict[str, float] = {}  # when an overdue symbol was, monotonic seconds

    def find_symbol(self, postponed: frozenset[RequestKey], now: float) -> str | None:
        """A symbol to `join`; `postponed`: requests that are not to be made yet; `now`: monotonic seconds."""
        if self._exchange.dense_ids:
            return None
        for symbol, traded in self._intake.list_unjoined_symbols().items():
            ready = traded or self._feed.measure_uptime_s(symbol) > SUBSCRIBED_AFTER_S
            if ready and self._may_request(symbol, postponed):
                return symbol
        for symbol in self._intake.list_overdue_symbols(now):
            due = now - self._compared.get(symbol, float("-inf")) >= OVERDUE_EVERY_S
            if due and self._feed.measure_uptime_s(symbol) and self._may_request(symbol, postponed):
                self._compared[symbol] = now
                return symbol
        return None

    def join(self, symbol: str) -> None:
        """Publish what history shows and the connection did not. Raises HttpUnavailableError."""
        page = self._history.fetch_newest_page(symbol)
        self._intake.join(symbol, page, len(page) < self._exchange.history_page)

    def _may_request(self, symbol: str, postponed: frozenset[RequestKey]) -> bool:
        waits = build_request_key(symbol) in postponed or symbol in self._feed.refused
        return not waits and self._exchange.newest_url(symbol) is not None


def build_request_key(symbol: str) -> RequestKey:
    """Return the key under which the request of `join` is postponed."""
    return symbol, "join"
