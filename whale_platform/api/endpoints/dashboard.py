"""Endpoints that one view of the dashboard needs at once: sparklines, whales summed up, one whale with its context.

They are as open to other programs as the listings; each is one question, bounded in time.
"""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from whale_platform.api.endpoints import kafka_lookup
from whale_platform.api.endpoints.dependencies import Parts, PartsNow
from whale_platform.api.http import responses
from whale_platform.api.http.openapi import given, problems
from whale_platform.api.http.parameter_types import Exchange, Symbol, Whole
from whale_platform.api.http.problems import Refusal
from whale_platform.api.http.query_params import Minutes, Nothing, OfWhales
from whale_platform.api.http.responses import Wants
from whale_platform.api.latest_cache import known_markets
from whale_platform.api.latest_cache.cache import Board
from whale_platform.api.models import dashboard as views_shapes
from whale_platform.stores.queries import dashboard
from whale_platform.stores.queries.dashboard import SIZES_USD, Summary
from whale_platform.stores.queries.listings import WHALES
from whale_platform.version import run_of

router = APIRouter()
DAY, MOST = timedelta(days=1), timedelta(days=31)


@router.get("/sparklines", responses=given(views_shapes.Sparklines), summary="Closes of the last minutes")
async def sparklines(request: Request, parts: PartsNow, asked: Annotated[Minutes, Query()]) -> Response:
    """Of every symbol, up to the newest minute of all."""
    since = _end(parts.board) - timedelta(minutes=asked.minutes)

    def work() -> Response:
        names = ("exchange", "symbol", "times", "closes")
        items = [dict(zip(names, row, strict=True)) for row in dashboard.closes(parts.pool, since)]
        return responses.reply(responses.json_bytes({"items": items}), Wants.of(request.headers))

    return await parts.worker.do(work)


@router.get("/whales/summary", responses=given(views_shapes.WhaleSummary), summary="Whales of a time, summed up")
async def whale_summary(request: Request, parts: PartsNow, asked: Annotated[OfWhales, Query()]) -> Response:
    """By hour and by size, and the ten largest. Without `from` the day before `to`, without `to` up to now."""
    end = asked.end or _end(parts.board)
    start = asked.start or end - DAY
    if not start < end <= start + MOST:
        raise Refusal(422, "`from` must lie before `to`, by 31 days at most")
    asked.start, asked.end = start, end

    def work() -> Response:
        known_markets.check(asked, parts.board, known_markets.stored(parts.pool, WHALES))
        found = dashboard.summary(parts.pool, asked.conditions(WHALES))
        whole = {"from": start, "to": end} | _summed(found)
        return responses.reply(responses.json_bytes(_plain(whole)), Wants.of(request.headers))

    return await parts.worker.do(work)


_ONE = {**given(views_shapes.WhaleContext), **problems(_404="There is no such whale.")}


@router.get("/whales/{exchange}/{symbol:path}/{trade_id}", responses=_ONE, summary="One whale and what was around it")
async def whale_context(
    request: Request,
    parts: PartsNow,
    exchange: Annotated[Exchange, Path()],
    symbol: Annotated[Symbol, Path()],
    trade_id: Annotated[int, Whole, Path(ge=0, lt=2**63)],
    _: Annotated[Nothing, Query()],
) -> Response:
    """Its minute and those around, its hour, its place in Kafka with the trades beside it, and the run that said so."""

    found = await parts.worker.do(lambda: _context(parts, exchange, symbol, trade_id))

    def search() -> Response:
        whale = found["whale"]
        known = None if whale["topic_offset"] is None else (whale["topic_partition"], whale["topic_offset"])
        if known is None and whale["source"] == "import":
            place = kafka_lookup.Origin(missing="it was imported: it came by no topic")
        else:
            place = kafka_lookup.find(
                parts.settings.bootstrap, exchange, symbol, trade_id, whale["received_time"], known
            )
        whole = found | {"trade": place.place, "trade_missing": place.missing, "around": place.around}
        return responses.reply(responses.json_bytes(_plain(whole)), Wants.of(request.headers))

    return await parts.slow.do(search)


def _end(board: Board) -> datetime:
    """The end of the newest minute of all, so that replayed days have a last day too."""
    edge = board.edge()
    return datetime.now(UTC) if edge is None else edge + timedelta(minutes=1)


def _summed(found: Summary) -> dict[str, Any]:
    ends = [None, *SIZES_USD, None]
    return {
        "whales": sum(whales for _, whales, _, _ in found.hours),
        "buy_usd": sum((buy for _, _, buy, _ in found.hours), Decimal(0)),
        "sell_usd": sum((sell for _, _, _, sell in found.hours), Decimal(0)),
        "hours": [dict(zip(("hour", "whales", "buy_usd", "sell_usd"), row, strict=True)) for row in found.hours],
        "sizes": [
            {"from_usd": ends[place] or 0, "to_usd": ends[place + 1], "buys": buys, "sells": sells}
            for place in range(0 if 0 in found.sizes else 1, len(SIZES_USD) + 1)
            for buys, sells in [found.sizes.get(place, (0, 0))]
        ],
        "top": [dict(zip(WHALES.columns, row, strict=True)) for row in found.top],
    }


def _context(parts: Parts, exchange: str, symbol: str, trade_id: int) -> dict[str, Any]:
    whale = dashboard.whale(parts.pool, exchange, symbol, trade_id)
    if whale is None and (gone := dashboard.taken_back(parts.pool, exchange, symbol, trade_id)):
        when = f"{gone['taken_back_time']:%Y-%m-%d %H:%M:%S} UTC"
        raise Refusal(404, f"this whale was taken back at {when} by {gone['taken_back_by']}: {gone['reason']}")
    if whale is None:
        raise Refusal(404, "there is no such whale: /whales lists them")
    time: datetime = whale["event_time"]
    minute = time.replace(second=0, microsecond=0)
    minutes = dashboard.minutes_around(parts.pool, exchange, symbol, minute)
    return {
        "whale": whale,
        "window": next((one for one in minutes if one["window_start"] == minute), None),
        "windows": minutes,
        "prices": dashboard.prices(parts.pool, exchange, symbol, trade_id),
        "report": dashboard.report(parts.pool, exchange, symbol, minute.replace(minute=0)),
        "run": asdict(run_of(whale["run_id"])),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else responses.plain(value)
