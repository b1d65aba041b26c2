"""Messages as JSON text, money as decimal strings, times as ISO 8601 in UTC.

Every window, trade sample and whale is turned into text once, here; messages are put together from those pieces.
The shapes of whole messages are `SCHEMA` in `message_schema.py`.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

from whale_platform.api.push.fanout.whale_log import PushedWhale
from whale_platform.contracts.trade_window import WindowRow
from whale_platform.contracts.whale_alert import WhaleRow
from whale_platform.domain.execution import compute_slippage_bps, compute_vwap


def dump_json(value: object) -> str:
    """Return `value` as compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def format_iso(time: datetime) -> str:
    """Return a time as `2024-08-08T12:00:00.005000Z`."""
    return time.isoformat().replace("+00:00", "Z")


def format_iso_ms(time_ms: float) -> str:
    """The same from milliseconds since the epoch."""
    return format_iso(datetime.fromtimestamp(time_ms / 1000, UTC))


def render_window(row: WindowRow) -> str:
    """One state of a window."""
    times = {name: format_iso(getattr(row, name)) for name in ("window_start", "last_event_time", "updated_at")}
    return dump_json(row._asdict() | times)


def to_pushed_whale(row: WhaleRow) -> PushedWhale:
    """A row of either origin; both give the same text."""
    times = {name: format_iso(getattr(row, name)) for name in ("event_time", "received_time", "detected_time")}
    time_ms = int(row.detected_time.timestamp() * 1000)
    body = dump_json(row._asdict() | times | _describe_execution(row))
    return PushedWhale(row.key, Decimal(row.notional_usd), time_ms, body, row.fills or 0)


def _describe_execution(row: WhaleRow) -> dict[str, str | None]:
    """As the generated columns of `whale_alerts` have it."""
    vwap = slippage = None
    if row.notional is not None:
        vwap = f"{compute_vwap(Decimal(row.notional), Decimal(row.quantity)):f}"
    if row.first_price is not None:
        slippage = f"{compute_slippage_bps(row.side, Decimal(row.first_price), Decimal(row.price)):f}"
    return {"vwap": vwap, "slippage_bps": slippage}


def render_batch(kind: str, seq: int, texts: Iterable[str]) -> str:
    """A message of type `windows`, `trades` or `tickers`."""
    return f'{{"type":"{kind}","seq":{seq},"{kind}":[{",".join(texts)}]}}'


def render_whale(seq: int, cursor: str, body: str) -> str:
    """A message of type `render_whale`."""
    return f'{{"type":"whale","seq":{seq},"cursor":"{cursor}","whale":{body}}}'
