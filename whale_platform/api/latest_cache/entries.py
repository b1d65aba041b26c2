"""What `/latest` says of one symbol: a text that holds until the symbol changes, and an age that never does."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from whale_platform.api.http.responses import encode_json, format_number, format_time
from whale_platform.api.latest_cache.exchange_feeds import format_age
from whale_platform.domain.market import Market
from whale_platform.stores.queries.latest_states import WhaleState, WindowState
from whale_platform.stores.queries.period_totals import PeriodTotals

_NUMBERS = ("open", "high", "low", "close", "vwap", "volume", "notional", "buy_volume", "sell_volume")


@dataclass(frozen=True, slots=True)
class SymbolEntry:
    """One symbol. text: its JSON without what follows from the present time; updated: epoch seconds."""

    market: Market
    text: bytes
    updated: float

    def measure_age_s(self, now: float) -> float:
        """Seconds since its newest state was emitted."""
        return max(0.0, now - self.updated)

    def render(self, now: float, broken: str | None) -> bytes:
        """Return its JSON as of `now`. broken: why its feed is broken, empty where it is quiet, None where neither."""
        age = self.measure_age_s(now)
        reason = f"no trade of it has reached Postgres for {format_age(age)}: {broken}" if broken else None
        fields = {"age_s": round(age, 3), "stale": bool(broken), "quiet": broken == "", "reason": reason}
        return self.text[:-1] + b"," + encode_json(fields)[1:]


def build_entry(
    window: WindowState, whale: WhaleState | None, hour: PeriodTotals | None, day: PeriodTotals | None
) -> SymbolEntry:
    """Return the entry of a symbol's newest window and whale, and of its last hour and day."""
    fields = {
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
        "hour": _build_totals(hour, window.close),
        "day": _build_totals(day, window.close),
        "last_whale": None if whale is None else _build_last_whale(whale),
        "last_event_time": format_time(window.last_event_time),
        "updated_at": format_time(window.updated_at),
    }
    return SymbolEntry(Market(window.exchange, window.symbol), encode_json(fields), window.updated_at.timestamp())


def _build_totals(span: PeriodTotals | None, price: Decimal) -> dict[str, Any] | None:
    if span is None:
        return None
    return {
        "since": format_time(span.since),
        "change": format_number(round((price - span.open) / span.open, 6)),
        "volume": format_number(span.volume),
        "notional": format_number(span.notional),
        "trades": span.trades,
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
        "fills": whale.fills,
    }
