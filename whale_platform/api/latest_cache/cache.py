"""The newest state of every symbol in memory, and the response of `/latest` built from it.

Whoever has news puts it (the feeder from Postgres, a live hub from Kafka); a state that is older than the one there is
left out, so two feeders do no harm. `render` is called by a feeder, at most every `RENDER_EVERY_S`; who answers
requests only takes `response`, bytes that nobody changes any more. The ETag moves with what is said, not with its age
in seconds.
"""

import gzip
import secrets
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from whale_platform.api.http.responses import GZIP_LEVEL, encode_json, format_number, format_time
from whale_platform.domain.market import Market
from whale_platform.stores.queries.latest_states import WhaleState, WindowState
from whale_platform.stores.queries.period_totals import PeriodTotals

RENDER_EVERY_S = 0.05
STALE_S = 120.0  # the quietest pairs trade every minute or so
_BOOT = secrets.token_hex(4)


@dataclass(frozen=True, slots=True)
class RenderedResponse:
    """One answer of `/latest`. made: epoch seconds; reason: why all of it is old, None where it is not."""

    body: bytes
    compressed: bytes
    etag: str
    made: float
    reason: str | None


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
        self._stale: frozenset[Market] = frozenset()

    def update(self, windows: Iterable[WindowState] = (), whales: Iterable[WhaleState] = ()) -> None:
        """Take in what is newer than what is known."""
        with self._lock:
            for window in windows:
                known = self._windows.get(Market(window.exchange, window.symbol))
                if known is None or _rank_window(window) > _rank_window(known):
                    self._windows[Market(window.exchange, window.symbol)] = window
                    self._changed = True
            for whale in whales:
                last = self._whales.get(Market(whale.exchange, whale.symbol))
                if last is None or (whale.event_time, whale.trade_id) > (last.event_time, last.trade_id):
                    self._whales[Market(whale.exchange, whale.symbol)] = whale
                    self._changed = True

    def replace(self, windows: Iterable[WindowState], whales: Iterable[WhaleState]) -> None:
        """Replace everything by what was read from the tables; what they no longer have is dropped."""
        with self._lock:
            self._windows = {Market(one.exchange, one.symbol): one for one in windows}
            self._whales = {Market(one.exchange, one.symbol): one for one in whales}
            self._loaded = self._changed = True

    def update_totals(self, hour: Mapping[Market, PeriodTotals], day: Mapping[Market, PeriodTotals]) -> None:
        """The last hour and day by symbol."""
        with self._lock:
            self._changed = self._changed or (hour, day) != self._spans
            self._spans = (hour, day)

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

    def list_newest_windows(self) -> list[WindowState]:
        """The newest window of each, in order."""
        with self._lock:
            return [window for _, window in sorted(self._windows.items())]

    def newest_start(self, symbol: Market) -> datetime | None:
        """When the newest window of a symbol begins; None where it has none."""
        with self._lock:
            window = self._windows.get(symbol)
        return None if window is None else window.window_start

    def newest_minute(self) -> datetime | None:
        """The newest minute of all; None where there is none."""
        with self._lock:
            return max((window.window_start for window in self._windows.values()), default=None)

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
            entries = [self._build_entry(symbol, now) for symbol in sorted(self._windows)]
            stale = frozenset(Market(entry["exchange"], entry["symbol"]) for entry in entries if entry["stale"])
            if self._changed or stale != self._stale:
                self._revision, self._changed, self._stale = self._revision + 1, False, stale
            etag = f'W/"{_BOOT}-{self._revision}"'
            reason = self._explain_staleness(entries)
        as_of = format_time(datetime.fromtimestamp(now, UTC))
        body = encode_json({"as_of": as_of, "stale": reason is not None, "reason": reason, "symbols": entries})
        self.response = RenderedResponse(body, gzip.compress(body, GZIP_LEVEL), etag, now, reason)

    def _explain_staleness(self, entries: list[dict[str, Any]]) -> str | None:
        if self._troubles:
            return "; ".join(
                f"{text} (since {time.strftime('%H:%M:%S UTC', time.gmtime(since))})"
                for _, (text, since) in sorted(self._troubles.items())
            )
        if not entries:
            return "no trade has reached Postgres yet"
        if all(entry["stale"] for entry in entries):
            age = _format_age(min(entry["age_s"] for entry in entries))
            return f"no trade of any symbol has reached Postgres for {age}"
        return None

    def _build_entry(self, symbol: Market, now: float) -> dict[str, Any]:
        window, whale = self._windows[symbol], self._whales.get(symbol)
        age = max(0.0, now - window.updated_at.timestamp())
        old = age > STALE_S
        return {
            "exchange": window.exchange,
            "symbol": window.symbol,
            "base": window.base,
            "quote": window.quote,
            "usd_via": window.usd_via,
            "price": format_number(window.close),
            "window": {
                "start": format_time(window.window_start),
                **{name: format_number(getattr(window, name)) for name in _NUMBERS},
                "trades": window.trade_count,
            },
            "hour": _build_totals(self._spans[0].get(symbol), window.close),
            "day": _build_totals(self._spans[1].get(symbol), window.close),
            "last_whale": None if whale is None else _build_last_whale(whale),
            "last_event_time": format_time(window.last_event_time),
            "updated_at": format_time(window.updated_at),
            "age_s": round(age, 3),
            "stale": old,
            "reason": f"no trade of it has reached Postgres for {_format_age(age)}" if old else None,
        }


_NUMBERS = ("open", "high", "low", "close", "vwap", "volume", "notional", "buy_volume", "sell_volume")


def _rank_window(window: WindowState) -> tuple[datetime, int, datetime]:
    return window.window_start, window.trade_count, window.updated_at


def _build_totals(totals: PeriodTotals | None, price: Decimal) -> dict[str, Any] | None:
    if totals is None:
        return None
    return {
        "since": format_time(totals.since),
        "change": format_number(round((price - totals.open) / totals.open, 6)),
        "volume": format_number(totals.volume),
        "notional": format_number(totals.notional),
        "trades": totals.trades,
    }


def _build_last_whale(whale: WhaleState) -> dict[str, Any]:
    return {
        "kind": whale.kind,
        "trade_id": whale.trade_id,
        "side": whale.side,
        "price": format_number(whale.price),
        "quantity": format_number(whale.quantity),
        "notional_usd": format_number(whale.notional_usd),
        "event_time": format_time(whale.event_time),
    }


def _format_age(seconds: float) -> str:
    """In words, rounded so that it changes once a minute at most."""
    if seconds < 3600:
        return f"{int(seconds // 60)} min"
    return f"{int(seconds // 3600)} h" if seconds < 172_800 else f"{int(seconds // 86_400)} days"
