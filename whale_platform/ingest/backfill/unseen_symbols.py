"""Symbols that have shown no trade although their connection has been up for a while: does the exchange list them?

Each is looked up once; where the exchange does not list it, the connection goes on without it. An exchange without a
list of symbols cannot be queried for that.
"""

from typing import Any

from whale_platform.exchanges.errors import InvalidFrameError
from whale_platform.ingest.backfill.history_client import HistoryClient
from whale_platform.ingest.backfill.request_trials import NOT_FOUND_STATUSES
from whale_platform.ingest.connections.connection_manager import ConnectionManager
from whale_platform.ingest.errors import HttpUnavailableError
from whale_platform.ingest.publishing.pipeline import Pipeline

CHECK_AFTER_S = 30.0


class UnseenSymbols:
    """Used by the gap filler's thread."""

    def __init__(self, pipeline: Pipeline, feed: ConnectionManager, history: HistoryClient, log: Any) -> None:
        self._pipeline, self._feed, self._history, self._log = pipeline, feed, history, log
        self._checked: set[str] = set()

    def find_symbol(self) -> str | None:
        """A symbol to `check`."""
        for symbol, line in self._pipeline.lines.items():
            unseen = not line.outlet.sent and symbol not in self._checked and symbol not in self._feed.refused
            if unseen and self._feed.measure_uptime_s(symbol) >= CHECK_AFTER_S:
                return symbol
        return None

    def check(self, symbol: str) -> None:
        """Refuse `symbol` where the exchange does not list it. Raises HttpUnavailableError."""
        self._checked.add(symbol)
        exchange = self._pipeline.exchange
        url = exchange.check_url(symbol)
        if url is None:
            return
        try:
            listed = exchange.parse_listing(self._history.fetch(url))
        except InvalidFrameError as bad:
            self._log.warning("a silent symbol can't be checked", symbol=symbol, reason=str(bad))
        except HttpUnavailableError as trouble:
            if trouble.status not in NOT_FOUND_STATUSES:
                self._checked.discard(symbol)
                raise
            self._feed.refuse(symbol, f"the exchange does not know it (HTTP {trouble.status})")
        else:
            if not listed:
                self._feed.refuse(symbol, "the exchange does not know it")
