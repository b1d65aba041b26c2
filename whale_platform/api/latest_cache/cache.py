"""The newest state of every symbol in memory, and the response of `/latest` built from it.

Whoever has news puts it (the feeder from Postgres, a live hub from Kafka); a state that is older than the one there is
left out, so two feeders do no harm. `render` is called by a feeder, at most every `RENDER_EVERY_S`; who answers
requests only takes `response`, bytes that nobody changes any more. The text of a symbol is kept until it changes, so
that a thousand symbols cost what has changed of them. A market without a recent trade is stale where its feed is
broken, and quiet where it works. The ETag moves with what is said, not with its age in seconds.
"""

import gzip
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from whale_platform.api.http.responses import GZIP_LEVEL, encode_json, format_time
from whale_platform.api.latest_cache.entries import SymbolEntry, build_entry
from whale_platform.api.latest_cache.exchange_feeds import STALE_S, ExchangeFeed, ExchangeFeeds, format_age
from whale_platform.domain.market import Market
from whale_platform.stores.queries.latest_states import WhaleState, WindowState
from whale_platform.stores.queries.period_totals import PeriodTotals

RENDER_EVERY_S = 0.05
_BOOT = secrets.token_hex(4)


class RenderedResponse:
    """One answer of `/latest`. made: epoch seconds; reason: why all of it is old, None where it is not."""

    def __init__(self, made: float, reason: str | None, etag: str, entries: Iterable[tuple[Market, bytes]]) -> None:
        self.made, self.reason, self.etag = made, reason, etag
        self._entries = tuple(entries)
        self.body = self.select(lambda _: True)
        self._compressed: bytes | None = None
        self.taken_compressed = False

    def select(self, wanted: Callable[[Market], bool]) -> bytes:
        """The same body with the wanted symbols alone."""
        as_of = format_time(datetime.fromtimestamp(self.made, UTC))
        head = encode_json({"as_of": as_of, "stale": self.reason is not None, "reason": self.reason, "symbols": []})
        return head[:-2] + b",".join(text for market, text in self._entries if wanted(market)) + head[-2:]

    def compress(self) -> bytes:
        """The body as gzip, made for the first client that takes it, unless `prepare_compressed` has."""
        self.taken_compressed = True
        if self._compressed is None:
            self.prepare_compressed()
        assert self._compressed is not None
        return self._compressed

    def prepare_compressed(self) -> None:
        """Make the gzip now: with hundreds of symbols it takes milliseconds that the event loop does not have."""
        self._compressed = gzip.compress(self.body, GZIP_LEVEL)


class LatestCache:
    """May be used by any thread."""

    def __init__(self) -> None:
        self.response: RenderedResponse | None = None
        self._lock = threading.Lock()
        self._windows: dict[Market, WindowState] = {}
        self._whales: dict[Market, WhaleState] = {}
        self._spans: tuple[Mapping[Market, PeriodTotals], Mapping[Market, PeriodTotals]] = ({}, {})
        self._troubles: dict[str, tuple[str, float]] = {}
        self._loaded = False
        self._taken_back = 0
        self._revision, self._changed = 0, True
        self._feeds = ExchangeFeeds()
        self._stale: frozenset[Market] = frozenset()
        self._quiet: frozenset[Market] = frozenset()
        self._entries: dict[Market, SymbolEntry] = {}

    def update(self, windows: Iterable[WindowState] = (), whales: Iterable[WhaleState] = ()) -> None:
        """Take in what is newer than what is known."""
        with self._lock:
            for window in windows:
                market = Market(window.exchange, window.symbol)
                known = self._windows.get(market)
                if known is None or _rank_window(window) > _rank_window(known):
                    self._windows[market] = window
                    self._forget_entry(market)
            for whale in whales:
                market = Market(whale.exchange, whale.symbol)
                last = self._whales.get(market)
                if last is None or _rank_whale(whale) > _rank_whale(last):
                    self._whales[market] = whale
                    self._forget_entry(market)

    def replace(self, windows: Iterable[WindowState], whales: Iterable[WhaleState]) -> None:
        """Replace everything by what was read from the tables; what they no longer have is dropped."""
        with self._lock:
            self._windows = {Market(one.exchange, one.symbol): one for one in windows}
            self._whales = {Market(one.exchange, one.symbol): one for one in whales}
            self._entries.clear()
            self._loaded = self._changed = True

    def update_totals(self, hour: Mapping[Market, PeriodTotals], day: Mapping[Market, PeriodTotals]) -> None:
        """The last hour and day by symbol."""
        with self._lock:
            before, self._spans = self._spans, (hour, day)
            for was, now in zip(before, self._spans, strict=True):
                for market in was.keys() | now.keys():
                    if was.get(market) != now.get(market):
                        self._forget_entry(market)

    def add_taken_back(self, count: int) -> None:
        """So many whales were taken back; `pop_taken_back` tells."""
        with self._lock:
            self._taken_back += count

    def pop_taken_back(self) -> int:
        """How many whales were taken back since it was last asked."""
        with self._lock:
            count, self._taken_back = self._taken_back, 0
        return count

    def set_trouble(self, reporter: str, reason: str) -> None:
        """Say why all of it is old, in `reporter`'s name, and since now unless it was; empty: it no longer is."""
        with self._lock:
            before, since = self._troubles.get(reporter, ("", time.time()))
            if before != reason:
                self._changed = True
                self._troubles.pop(reporter, None)
                if reason:
                    self._troubles[reporter] = (reason, since)

    def update_feeds(self, feeds: Mapping[str, ExchangeFeed], now: float | None = None) -> None:
        """The exchanges' feeds by exchange, as the ingester reports them; due once a second."""
        with self._lock:
            self._feeds.update(feeds, time.time() if now is None else now)

    def list_ingested_exchanges(self) -> frozenset[str]:
        """Those whose trades are ingested now, whether any has come or not; none while the ingester is silent."""
        with self._lock:
            return self._feeds.exchanges

    def list_newest_windows(self) -> list[WindowState]:
        """The newest window of each, in order."""
        with self._lock:
            return [window for _, window in sorted(self._windows.items())]

    def newest_start(self, symbol: Market) -> datetime | None:
        """When the newest window of a symbol begins; None where it has none."""
        with self._lock:
            window = self._windows.get(symbol)
        return None if window is None else window.window_start

    def newest_minute(self, exchange: str | None = None) -> datetime | None:
        """The newest minute of all markets, or of those of one exchange; None where there is none."""
        with self._lock:
            windows = self._windows.values()
            return max((one.window_start for one in windows if exchange in (None, one.exchange)), default=None)

    @property
    def changed(self) -> bool:
        """Whether `render` has something to say that `response` does not."""
        return self._changed

    def age_s(self, now: float) -> float | None:
        """Seconds since the newest state of all was emitted; None where there is none."""
        with self._lock:
            newest = max((window.updated_at for window in self._windows.values()), default=None)
        return None if newest is None else max(0.0, now - newest.timestamp())

    def render(self, now: float | None = None) -> None:
        """Build `response` again as of `now` (epoch seconds). Nothing before the first `replace`."""
        now = time.time() if now is None else now
        with self._lock:
            if not self._loaded:
                return
            markets = sorted(self._windows)
            entries = [self._find_entry(market) for market in markets]
            broken = self._explain_old_markets(entries, now)
            stale = frozenset(market for market, reason in broken.items() if reason)
            quiet = frozenset(broken) - stale
            if self._changed or (stale, quiet) != (self._stale, self._quiet):
                self._revision, self._changed, self._stale, self._quiet = self._revision + 1, False, stale, quiet
            etag = f'W/"{_BOOT}-{self._revision}"'
            reason = self._explain_staleness(entries, now)
        response = RenderedResponse(
            now, reason, etag, ((one.market, one.render(now, broken.get(one.market))) for one in entries)
        )
        if self.response is not None and self.response.taken_compressed:
            response.prepare_compressed()
        self.response = response

    def _explain_old_markets(self, entries: list[SymbolEntry], now: float) -> dict[Market, str]:
        """Why the feed of each market without a recent trade is broken; empty where it is quiet."""
        newest: dict[str, float] = {}
        for entry in entries:
            exchange = entry.market.exchange
            newest[exchange] = max(newest.get(exchange, 0.0), entry.updated)
        return {
            one.market: self._feeds.explain_broken(one.market, newest[one.market.exchange], now)
            for one in entries
            if one.measure_age_s(now) > STALE_S
        }

    def _forget_entry(self, market: Market) -> None:
        self._changed = True
        self._entries.pop(market, None)

    def _find_entry(self, market: Market) -> SymbolEntry:
        entry = self._entries.get(market)
        if entry is None:
            hour, day = (span.get(market) for span in self._spans)
            entry = self._entries[market] = build_entry(self._windows[market], self._whales.get(market), hour, day)
        return entry

    def _explain_staleness(self, entries: list[SymbolEntry], now: float) -> str | None:
        if self._troubles:
            return "; ".join(
                f"{text} (since {time.strftime('%H:%M:%S UTC', time.gmtime(since))})"
                for _, (text, since) in sorted(self._troubles.items())
            )
        if not entries:
            return "no trade has reached Postgres yet"
        if len(self._stale) == len(entries):
            age = format_age(min(entry.measure_age_s(now) for entry in entries))
            return f"no trade of any symbol has reached Postgres for {age}"
        return None


def _rank_whale(whale: WhaleState) -> tuple[datetime, int, int]:
    """A sweep comes after its fills, and grows."""
    last_id = whale.trade_id if whale.last_trade_id is None else whale.last_trade_id
    return whale.event_time, last_id, whale.fills or 0


def _rank_window(window: WindowState) -> tuple[datetime, int, datetime]:
    return window.window_start, window.trade_count, window.updated_at
