"""JSON Schema of what `/stream` sends. Money is decimal strings, times are ISO 8601 in UTC.

`seq` grows while the server runs; `hello` names the run (`epoch`). A client that comes back says
`since: {epoch, seq}` and the last whale's `cursor`, and gets what it missed, or a `gap`: fetch that by REST. Without
`since` a subscription of `windows` or `tickers` begins with the newest of each market.
`tickers`: what changed in about a second, as `closes` by symbol for each exchange and minute (its begin).
`whale`: a sweep comes again, under the same exchange, symbol, kind and trade_id, when it has more fills, and its tier
may be higher then; it contains the whales of kind single_trade whose sweep_first_id, or trade_id where that is null, is
the sweep's trade_id.
`status`: feed is Kafka's, stale is all the platform's with its reason; the rest is there from a second after the start.
"""

from typing import Any

from whale_platform.domain.names import WHALE_KINDS, WHALE_TIERS

VERSION = 1
_TIME = {"type": "string", "format": "date-time"}
_MONEY = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"}
_TEXT = {"type": "string"}
_WHOLE = {"type": "integer"}
_WHOLE_OR_NULL = {"type": ["integer", "null"]}
_MONEY_OR_NULL = _MONEY | {"type": ["string", "null"]}


def _build_object(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(fields), "properties": fields}


def _build_message(kind: str, **fields: Any) -> dict[str, Any]:
    return _build_object(type={"const": kind}, **fields)


_LINEAGE = {
    "made_from": {"enum": ["stream", "lake"]},
    "topic_partition": {"type": ["integer", "null"]},
    "topic_offset": {"type": ["integer", "null"]},
}
_NAMES = {"exchange": _TEXT, "symbol": _TEXT}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_CURRENCIES = dict.fromkeys(("base", "quote", "usd_via"), _TEXT_OR_NULL)
_WINDOW = _build_object(
    **_NAMES,
    window_start=_TIME,
    **dict.fromkeys(("open", "high", "low", "close", "price_sum", "volume", "notional", "buy_volume"), _MONEY),
    **dict.fromkeys(("trade_count", "first_trade_id", "last_trade_id"), _WHOLE),
    last_event_time=_TIME,
    source=_TEXT,
    run_id=_TEXT,
    updated_at=_TIME,
    **_LINEAGE,
    **_CURRENCIES,
)
_TICKERS = _build_object(
    exchange=_TEXT,
    minute=_TIME | {"description": "Its begin."},
    closes={
        "type": "object",
        "minProperties": 1,
        "additionalProperties": _MONEY,
        "description": "The newest close by symbol.",
    },
)
_TRADE = _build_object(
    **_NAMES,
    trade_id=_WHOLE,
    side={"enum": ["buy", "sell"]},
    event_time=_TIME,
    count=_WHOLE,
    **dict.fromkeys(("price", "quantity", "volume", "buy_volume", "notional", "largest_usd"), _MONEY),
)
_WHALE = _build_object(
    **_NAMES,
    kind={"enum": list(WHALE_KINDS)},
    trade_id=_WHOLE,
    side={"enum": ["buy", "sell"]},
    **dict.fromkeys(("price", "quantity", "notional_usd", "threshold_usd"), _MONEY),
    tier={"enum": list(WHALE_TIERS)},
    **dict.fromkeys(("event_time", "received_time", "detected_time"), _TIME),
    source=_TEXT,
    run_id=_TEXT,
    **dict.fromkeys(("fills", "levels", "last_trade_id", "sweep_first_id"), _WHOLE_OR_NULL),
    **dict.fromkeys(("notional", "usd_rate", "first_price", "vwap"), _MONEY_OR_NULL),
    slippage_bps={"type": ["string", "null"], "pattern": r"^-?[0-9]+(\.[0-9]+)?$"},
    **_LINEAGE,
    **_CURRENCIES,
)

_OR_NULL = {"type": ["number", "null"]}
_EXCHANGE = _build_object(
    exchange=_TEXT,
    state={"enum": ["connected", "connecting", "unavailable", "silent"]},
    detail=_TEXT,
    trades_per_s={"type": "number"},
    **dict.fromkeys(("delay_ms", "clock_offset_ms"), _OR_NULL),
    **dict.fromkeys(("gaps_open", "gaps_repaired", "reconnects", "symbols"), _WHOLE),
)
_STATUS = _build_message("status", seq=_WHOLE, time=_TIME)
_STATUS["properties"] |= {
    "feed": {"enum": ["ready", "waiting"]},
    "detail": _TEXT,
    "stale": {"type": "boolean"},
    "reason": {"type": ["string", "null"]},
    "source": {"enum": ["live", "simulator", "replay"]},
    "dagster": {"type": ["string", "null"]},
    "exchanges": {"type": "array", "items": _EXCHANGE},
    "services": {
        "type": "array",
        "items": _build_object(name=_TEXT, state=_TEXT, detail=_TEXT, age_s=_OR_NULL, lag=_OR_NULL),
    },
    "trades_per_s": {"type": "number"},
    "lag": {"type": ["integer", "null"]},
}

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "whale platform /stream, server to client",
    "oneOf": [
        _build_message(
            "hello", version={"const": VERSION}, epoch=_TEXT, seq=_WHOLE, time=_TIME, limits={"type": "object"}
        ),
        _build_message("subscribed", seq=_WHOLE, topics={"type": "array", "items": _TEXT}, cursor=_TEXT),
        _build_message("windows", seq=_WHOLE, windows={"type": "array", "items": _WINDOW}),
        _build_message("tickers", seq=_WHOLE, tickers={"type": "array", "items": _TICKERS}),
        _build_message("trades", seq=_WHOLE, trades={"type": "array", "items": _TRADE}),
        _build_message("whale", seq=_WHOLE, cursor=_TEXT, whale=_WHALE),
        _STATUS,
        _build_message("gap", seq=_WHOLE, topic=_TEXT, reason=_TEXT, since={"type": ["string", "null"]}, fetch=_TEXT),
        _build_message("heartbeat", seq=_WHOLE, time=_TIME, cursor=_TEXT),
        _build_message("pong", ping=_WHOLE),
        _build_message("error", message=_TEXT),
    ],
}
