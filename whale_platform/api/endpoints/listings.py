"""The endpoints. Each asks in a worker's thread and answers with bytes; the shapes are for the description."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from whale_platform.api.endpoints.dependencies import Parts, PartsNow
from whale_platform.api.http import pagination, responses
from whale_platform.api.http.openapi import AWAY, REFUSED, given
from whale_platform.api.http.problems import busy
from whale_platform.api.http.query_params import Gaps, Nothing, Page, Whales, Which
from whale_platform.api.http.responses import Wants
from whale_platform.api.latest_cache import known_markets
from whale_platform.api.latest_cache import response as newest_answer
from whale_platform.api.models import health as health_shapes
from whale_platform.api.models import latest as latest_shapes
from whale_platform.api.models import rows
from whale_platform.api.monitoring.metrics import MEDIA as METRICS_MEDIA
from whale_platform.domain.trade import whaleless
from whale_platform.stores.asset_tables.thresholds import applying
from whale_platform.stores.queries import latest_states, listings
from whale_platform.stores.queries.listings import Listing

router = APIRouter()


@router.get("/latest", responses=given(latest_shapes.Board), summary="The newest state of every symbol")
async def latest(request: Request, parts: PartsNow, which: Annotated[Which, Query()]) -> Response:
    """From memory, made anew every 50 ms at most. `hour` and `day` end with the newest minute of all symbols."""
    board = parts.board.ready
    known_markets.check(which, parts.board)
    if board is None or not (which.exchange or which.symbol):
        status, body, headers = newest_answer.answer(parts.board, request.headers.get)
        return Response(body, status, {name.decode(): value.decode() for name, value in headers})
    whole = responses.loads(board.body)
    whole["symbols"] = [one for one in whole["symbols"] if which.takes(one["exchange"], one["symbol"])]
    return responses.reply(responses.json_bytes(whole), Wants.of(request.headers), etag=board.etag)


@router.get("/windows", responses=given(rows.Page[rows.Window], True), summary="One-minute windows")
async def windows(request: Request, parts: PartsNow, asked: Annotated[Page, Query()]) -> Response:
    """By event time, newest first."""
    return await _page(request, parts, listings.WINDOWS, asked)


@router.get("/rollups", responses=given(rows.Page[rows.Rollup], True), summary="Hours")
async def rollups(request: Request, parts: PartsNow, asked: Annotated[Page, Query()]) -> Response:
    """Made from the windows some minutes after an hour has ended."""
    return await _page(request, parts, listings.ROLLUPS, asked)


@router.get("/whales", responses=given(rows.Page[rows.Whale], True), summary="Large trades")
async def whales(request: Request, parts: PartsNow, asked: Annotated[Whales, Query()]) -> Response:
    """By event time, newest first."""
    return await _page(request, parts, listings.WHALES, asked)


@router.get("/whales/taken-back", responses=given(rows.Page[rows.TakenBack], True), summary="Whales that were none")
async def taken_back(request: Request, parts: PartsNow, asked: Annotated[Whales, Query()]) -> Response:
    """By the time at which they were taken back, newest first: `from` and `to` are about that time."""
    return await _page(request, parts, listings.TAKEN_BACK, asked)


@router.get("/reports", responses=given(rows.Page[rows.Report], True), summary="The whales of each hour")
async def reports(request: Request, parts: PartsNow, asked: Annotated[Page, Query()]) -> Response:
    """A row for every symbol that traded in the hour, whales or none."""
    return await _page(request, parts, listings.REPORTS, asked)


@router.get("/gaps", responses=given(rows.Page[rows.Gap], True), summary="Holes in the exchanges' trade ids")
async def gaps(request: Request, parts: PartsNow, asked: Annotated[Gaps, Query()]) -> Response:
    """What was found missing, and what became of it."""
    return await _page(request, parts, listings.GAPS, asked)


@router.get("/symbols", responses=given(latest_shapes.Symbols), summary="What there is")
async def symbols(request: Request, parts: PartsNow, which: Annotated[Which, Query()]) -> Response:
    """Every symbol with trades, and from how many US dollars on one of its trades is a whale."""
    if parts.board.ready is None:
        raise busy("nothing has been read from Postgres yet: ask again in a second", 1)
    known_markets.check(which, parts.board)

    def work() -> Response:
        limits = latest_states.thresholds(parts.pool)
        items = [
            {
                "exchange": one.exchange,
                "symbol": one.symbol,
                "base": one.base,
                "quote": one.quote,
                "usd_via": one.usd_via,
                "threshold_usd": responses.plain(applying(limits, one.exchange, one.symbol)),
                "newest_window": responses.plain(one.window_start),
                "updated_at": responses.plain(one.updated_at),
                "note": None if one.quote is None else whaleless(one.quote),
            }
            for one in parts.board.symbols()
            if which.takes(one.exchange, one.symbol)
        ]
        return responses.reply(responses.json_bytes({"items": items}), Wants.of(request.headers))

    return await parts.worker.do(work)


_HEALTH = {**given(health_shapes.Health), 503: {"description": "No database.", "model": health_shapes.Health}}


@router.get("/health", responses=_HEALTH, summary="How each part is")
async def health(request: Request, parts: PartsNow, _: Annotated[Nothing, Query()]) -> Response:
    """200 while the database answers, 503 while it does not."""

    def work() -> Response:
        found = parts.health.check()
        status = 503 if found["status"] == "away" else 200
        headers = {"Retry-After": "5"} if status == 503 else {}
        return responses.reply(responses.json_bytes(found), Wants.of(request.headers), status=status, headers=headers)

    return await parts.watch.do(work)


_TEXT: dict[str, Any] = {"description": "Prometheus's text format.", "content": {"text/plain": {}}}


@router.get("/metrics", responses={200: _TEXT, **REFUSED, **AWAY}, response_class=Response, summary="For Prometheus")
async def metrics(request: Request, parts: PartsNow, _: Annotated[Nothing, Query()]) -> Response:
    """Trades, lag and heartbeats of the services, gaps, requests and their seconds."""
    return await parts.watch.do(
        lambda: responses.reply(parts.metrics.text(), Wants.of(request.headers), media=METRICS_MEDIA)
    )


async def _page(request: Request, parts: Parts, listing: Listing, asked: Page) -> Response:
    after = None if asked.cursor is None else pagination.key_of(listing, asked.cursor)
    wants = Wants.of(request.headers, asked.form)

    def work() -> Response:
        known_markets.check(asked, parts.board, known_markets.stored(parts.pool, listing))
        rows = listings.page(parts.pool, listing, asked.conditions(listing), after, asked.limit + 1)
        following = pagination.of_row(listing, rows[asked.limit - 1]) if len(rows) > asked.limit else None
        rows = rows[: asked.limit]
        headers = {"Link": f'<{_address(request, following)}>; rel="next"'} if following else {}
        if wants.csv:
            return responses.reply(responses.page_csv(listing.columns, rows), wants, responses.CSV, headers=headers)
        return responses.reply(responses.page_json(listing.columns, rows, following), wants, headers=headers)

    return await parts.worker.do(work)


def _address(request: Request, cursor: str) -> str:
    others = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return f"{request.url.path}?{urlencode([*others, ('cursor', cursor)])}"
