"""Pages of an exchange's REST history, fetched one after the other at the rate that the exchange tolerates."""

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException

from whale_platform import __version__
from whale_platform.domain.trade import Trade
from whale_platform.exchanges.base import BadFrame, Exchange
from whale_platform.ingest.sequencer import Chunk
from whale_platform.ingest.words import http_words, wait_s

TIMEOUT_S = 10.0
MAX_BYTES = 8 * 1024 * 1024
MAX_PAGES = 100
# Binance tells times in whole milliseconds unless asked; a repaired trade shall carry the live one's microseconds.
HEADERS = {"User-Agent": f"whale-platform/{__version__}", "X-MBX-TIME-UNIT": "MICROSECOND"}


class Unavailable(Exception):
    """No answer that can be used. `status`: HTTP status or None; `wait_s`: told by the exchange, or None."""

    def __init__(self, reason: str, status: int | None = None, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.wait_s = wait_s


class History:
    """One exchange's REST side. Used by one thread."""

    def __init__(
        self, exchange: Exchange, stop: threading.Event, open_url: Callable[[str], bytes] | None = None
    ) -> None:
        self._exchange = exchange
        self._stop = stop
        self._open = open_url or self._fetch
        self._next_at = 0.0

    def get(self, url: str) -> bytes:
        """Body of `url`, not before the rate allows it. Raises Unavailable."""
        self._stop.wait(max(0.0, self._next_at - time.monotonic()))
        self._next_at = time.monotonic() + 1 / self._exchange.history_per_second
        return self._open(url)

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

    def _fetch(self, url: str) -> bytes:
        name = self._exchange.name
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=HEADERS), timeout=TIMEOUT_S) as answer:
                body: bytes = answer.read(MAX_BYTES + 1)
        except urllib.error.HTTPError as refused:
            with refused:
                wait = wait_s(refused.code, refused.headers.get("Retry-After"))
                raise Unavailable(http_words(name, refused.code), refused.code, wait) from None
        except (OSError, HTTPException, ValueError) as error:
            raise Unavailable(f"{name}'s history can't be reached: {getattr(error, 'reason', error)}") from None
        if len(body) > MAX_BYTES:
            raise Unavailable(f"{name} sent a history page of more than {MAX_BYTES} bytes")
        return body
