"""Pages of an exchange's REST history, fetched one after the other at the rate that the exchange tolerates."""

import threading
import time

from whale_platform.domain.trade import Trade
from whale_platform.exchanges.base import BadFrame, Exchange
from whale_platform.ingest.rest import Rest, Unavailable
from whale_platform.ingest.sequencer import Chunk

MAX_PAGES = 100


class History:
    """One exchange's history. Used by one thread."""

    def __init__(self, exchange: Exchange, stop: threading.Event, rest: Rest) -> None:
        self._exchange = exchange
        self._stop = stop
        self._rest = rest
        self._next_at = 0.0

    def get(self, url: str) -> bytes:
        """Body of `url`, not before the rate allows it. Raises Unavailable."""
        self._stop.wait(max(0.0, self._next_at - time.monotonic()))
        self._next_at = time.monotonic() + 1 / self._exchange.history_per_second
        return self._rest.ask(url).body

    def trades(self, symbol: str, chunk: Chunk) -> dict[int, Trade]:
        """What history has around `chunk`, by id; one id more is asked for, to see that history goes beyond it.

        Raises Unavailable, also for an answer that can't be parsed.
        """
        first, last = chunk.first_id, chunk.last_id + 1
        found: dict[int, Trade] = {}
        url: str | None = self._exchange.history_url(symbol, first, last)
        for _ in range(MAX_PAGES):
            if url is None or self._stop.is_set():
                break
            body = self.get(url)
            try:
                page = self._exchange.parse_history(symbol, body, time.time_ns() // 1000)
            except BadFrame as bad:
                raise Unavailable(f"{self._exchange.name}'s history of {symbol} can't be read: {bad}") from None
            found.update((trade.trade_id, trade) for trade in page)
            url = self._exchange.next_history_url(symbol, first, last, page)
        if url is not None:
            raise Unavailable(f"{self._exchange.name}'s history of {symbol} has no end")
        return found
