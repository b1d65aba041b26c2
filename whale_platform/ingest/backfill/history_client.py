"""Pages of an exchange's REST history, fetched one after the other at the rate that the exchange tolerates."""

import threading
import time
from collections.abc import Generator, Sequence
from functools import partial

from whale_platform.domain.trade import Trade
from whale_platform.exchanges.base import Exchange, TimedHistory
from whale_platform.exchanges.errors import HistoryOutOfReachError, InvalidFrameError
from whale_platform.ingest.backfill.time_search import search_by_time
from whale_platform.ingest.errors import HistoryTooShortError, HttpUnavailableError
from whale_platform.ingest.sequencing.backfill_range import BACKFILL_IDS, BackfillRange
from whale_platform.ingest.transport.rest_client import RestClient

MAX_PAGES = 100


class HistoryClient:
    """One exchange's history. Used by one thread."""

    def __init__(self, exchange: Exchange, stop: threading.Event, rest: RestClient) -> None:
        self._exchange = exchange
        self._stop = stop
        self._rest = rest
        self._next_at = 0.0

    def fetch(self, url: str) -> bytes:
        """Body of `url`, not before the rate allows it. Raises HttpUnavailableError."""
        self._stop.wait(max(0.0, self._next_at - time.monotonic()))
        self._next_at = time.monotonic() + 1 / self._exchange.history_per_second
        return self._rest.fetch(url).body

    def fetch_trades(self, symbol: str, id_range: BackfillRange) -> dict[int, Trade]:
        """What history has around `id_range`, by id; one id more is asked for, to see that history goes beyond it.

        Raises HttpUnavailableError, also for an answer that can't be parsed. Of these HistoryTooShortError is raised
        where the exchange shows nothing as old as the start of the range; it carries what is shown.
        """
        first, last = id_range.first_id, id_range.last_id + 1
        found: dict[int, Trade] = {}
        if self._exchange.history_url(symbol, first, last) is None:
            raise HistoryTooShortError(f"{self._exchange.name} shows no history", found)
        requests = self._request_pages(symbol, first, last)
        url = next(requests)
        for _ in range(MAX_PAGES):
            if self._stop.is_set():
                break
            page = self._fetch_page(symbol, url)
            found.update((trade.trade_id, trade) for trade in page)
            try:
                url = requests.send(page)
            except StopIteration:
                return found
            except HistoryOutOfReachError as old:
                reason = f"{self._exchange.name}'s history of {symbol} does not reach back to trade {first}: {old}"
                raise HistoryTooShortError(reason, found) from None
        raise HttpUnavailableError(f"{self._exchange.name}'s history of {symbol} has no end")

    def fetch_newest(self, symbol: str, known_id: int = 0) -> Trade | None:
        """The newest trade that history has, or None where it has none. Raises HttpUnavailableError.

        `known_id`: from which on it is requested where history needs an id; then it is the newest of one page.
        """
        url = self._exchange.newest_url(symbol)
        if url is None:
            url = self._exchange.history_url(symbol, known_id, known_id + self._exchange.history_page - 1)
        page = () if url is None else self._fetch_page(symbol, url)
        return max(page, key=lambda one: one.trade_id, default=None)

    def fetch_newest_page(self, symbol: str) -> list[Trade]:
        """The trades of the page that holds the newest one; none where there is no such page.

        Raises HttpUnavailableError.
        """
        url = self._exchange.newest_url(symbol)
        return [] if url is None else self._fetch_page(symbol, url)

    def find_first_since(self, symbol: str, low: int, high: int, time_us: int) -> int:
        """The lowest id in [low, high) of a trade at or after `time_us`, else `high`. Raises HttpUnavailableError."""
        first = high
        while high - low > BACKFILL_IDS:
            middle = (low + high) // 2
            found = self.fetch_trades(symbol, BackfillRange(middle, middle, "background"))
            above = min((number for number in found if number >= middle), default=None)
            below = max((number for number in found if low <= number < middle), default=None)
            if above is not None and found[above].event_time >= time_us:
                high, first = middle, min(first, above)
            elif above is None and below is not None and found[below].event_time >= time_us:
                high = first = below  # pages of some exchanges go down from the id that was asked for
            else:
                low = middle + 1
        page = self.fetch_trades(symbol, BackfillRange(low, high - 1, "background")) if low < high else {}
        return min((id_ for id_, one in page.items() if low <= id_ < high and one.event_time >= time_us), default=first)

    def _request_pages(self, symbol: str, first_id: int, last_id: int) -> Generator[str, Sequence[Trade], None]:
        """Yield the addresses of pages that help to fill [first_id, last_id]; each page is sent back."""
        exchange = self._exchange
        page = yield exchange.history_url(symbol, first_id, last_id) or ""
        if isinstance(exchange, TimedHistory):
            page = yield from search_by_time(first_id, page, partial(exchange.history_since_url, symbol))
        while (url := exchange.next_history_url(symbol, first_id, last_id, page)) is not None:
            page = yield url

    def _fetch_page(self, symbol: str, url: str) -> list[Trade]:
        try:
            return self._exchange.parse_history(symbol, self.fetch(url), time.time_ns() // 1000)
        except InvalidFrameError as bad:
            raise HttpUnavailableError(f"{self._exchange.name}'s history of {symbol} can't be read: {bad}") from None
