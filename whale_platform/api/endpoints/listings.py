"""The endpoints of lists. Each one reads in a worker's thread and returns bytes; the models are for the description."""

from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from whale_platform.api.endpoints.dependencies import AppDependencies, AppDeps
from whale_platform.api.http import pagination, responses
from whale_platform.api.http.openapi import REFUSED, UNAVAILABLE, describe_responses
from whale_platform.api.http.problems import build_unavailable
from whale_platform.api.http.query_params import (
    GapListingParams,
    ListingParams,
    MarketFilter,
    NoParams,
    WhaleListingParams,
)
from whale_platform.api.http.responses import ResponsePreferences
from whale_platform.api.latest_cache import known_markets
from whale_platform.api.latest_cache import response as latest_response
from whale_platform.api.models import health as health_models
from whale_platform.api.models import latest as latest_models
from whale_platform.api.models import rows
from whale_platform.api.monitoring.metrics import METRICS_MEDIA
from whale_platform.domain.trade import explain_whaleless
from whale_platform.domain.whale import TierLimits
from whale_platform.exchanges.registry import find_market_kind
from whale_platform.stores.queries import latest_states, listings
from whale_platform.stores.queries.listings import Listing

router = APIRouter()


@router.get("/latest", responses=describe_responses(latest_models.Board), summary="The newest state of every symbol")
async def latest(request: Request, dependencies: AppDeps, params: Annotated[MarketFilter, Query()]) -> Response:
    """From memory, renewed every 50 ms at most. `hour` and `day` end with the newest minute of all symbols."""
    response = dependencies.latest.response
    known_markets.check_markets(params, dependencies.latest)
    if response is None or not (params.exchange or params.symbol):
        status, body, headers = latest_response.render_response(dependencies.latest, request.headers.get)
        return Response(body, status, {name.decode(): value.decode() for name, value in headers})
    selected = response.select(lambda market: params.matches(*market))
    return responses.build_response(selected, ResponsePreferences.from_headers(request.headers), etag=response.etag)


@router.get("/windows", responses=describe_responses(rows.Page[rows.Window], True), summary="One-minute windows")
async def windows(request: Request, dependencies: AppDeps, params: Annotated[ListingParams, Query()]) -> Response:
    """By event time, newest first."""
    return await _serve_page(request, dependencies, listings.WINDOWS, params)


@router.get("/rollups", responses=describe_responses(rows.Page[rows.Rollup], True), summary="Hours")
async def rollups(request: Request, dependencies: AppDeps, params: Annotated[ListingParams, Query()]) -> Response:
    """Made from the windows some minutes after an hour has ended."""
    return await _serve_page(request, dependencies, listings.ROLLUPS, params)


@router.get("/whales", responses=describe_responses(rows.Page[rows.Whale], True), summary="Large orders")
async def whales(request: Request, dependencies: AppDeps, params: Annotated[WhaleListingParams, Query()]) -> Response:
    """By event time, newest first. No dollar comes twice: single trades that are fills of a sweep are left out.

    With `kind=single_trade` they are there, and so they are wherever `kind` leaves sweeps out.
    """
    return await _serve_page(request, dependencies, params.listing, params)


@router.get(
    "/whales/taken-back", responses=describe_responses(rows.Page[rows.TakenBack], True), summary="Whales that were none"
)
async def taken_back(
    request: Request, dependencies: AppDeps, params: Annotated[WhaleListingParams, Query()]
) -> Response:
    """By the time at which they were taken back, newest first: `from` and `to` are about that time."""
    return await _serve_page(request, dependencies, listings.TAKEN_BACK, params)


@router.get(
    "/whales/clusters",
    responses=describe_responses(rows.Page[rows.Cluster], True),
    summary="Whales of one base and side on several exchanges within seconds",
)
async def clusters(request: Request, dependencies: AppDeps, params: Annotated[ListingParams, Query()]) -> Response:
    """By the time of the first member, newest first; `exchange` and `symbol` are of it. Those of each closed hour."""
    return await _serve_page(request, dependencies, listings.CLUSTERS, params)


@router.get("/reports", responses=describe_responses(rows.Page[rows.Report], True), summary="The whales of each hour")
async def reports(request: Request, dependencies: AppDeps, params: Annotated[ListingParams, Query()]) -> Response:
    """A row for every symbol that traded in the hour, whales or none."""
    return await _serve_page(request, dependencies, listings.REPORTS, params)


@router.get(
    "/gaps", responses=describe_responses(rows.Page[rows.Gap], True), summary="Gaps in the exchanges' trade ids"
)
async def gaps(request: Request, dependencies: AppDeps, params: Annotated[GapListingParams, Query()]) -> Response:
    """What was found missing, and what became of it."""
    return await _serve_page(request, dependencies, listings.GAPS, params)


@router.get("/symbols", responses=describe_responses(latest_models.Symbols), summary="What there is")
async def symbols(request: Request, dependencies: AppDeps, params: Annotated[MarketFilter, Query()]) -> Response:
    """Every symbol with trades, and from how many US dollars on one of its orders is a whale of each tier this hour."""
    if dependencies.latest.response is None:
        raise build_unavailable("nothing has been read from Postgres yet: ask again in a second", 1)
    known_markets.check_markets(params, dependencies.latest)

    def work() -> Response:
        held, now = latest_states.read_current_thresholds(dependencies.pool), datetime.now(UTC)
        items = [
            {
                "exchange": one.exchange,
                "symbol": one.symbol,
                "market_kind": find_market_kind(one.exchange),
                "base": one.base,
                "quote": one.quote,
                "usd_via": one.usd_via,
                **_describe_limits(held.find_limits(one.exchange, one.symbol, now)),
                "newest_window": responses.to_json_value(one.window_start),
                "updated_at": responses.to_json_value(one.updated_at),
                "note": None if one.quote is None else explain_whaleless(one.quote),
            }
            for one in dependencies.latest.list_newest_windows()
            if params.matches(one.exchange, one.symbol)
        ]
        return responses.build_response(
            responses.encode_json({"items": items}), ResponsePreferences.from_headers(request.headers)
        )

    return await dependencies.table_threads.run(work)


def _describe_limits(limits: TierLimits | None) -> dict[str, Any]:
    amounts = (None, None, None) if limits is None else limits
    names = ("threshold_usd", "large_usd", "giant_usd")
    return {name: responses.to_json_value(usd) for name, usd in zip(names, amounts, strict=True)}


_HEALTH = {
    **describe_responses(health_models.Health),
    503: {"description": "No database.", "model": health_models.Health},
}


@router.get("/health", responses=_HEALTH, summary="How each part is")
async def health(request: Request, dependencies: AppDeps, _: Annotated[NoParams, Query()]) -> Response:
    """200 while the database answers, 503 while it does not."""

    def work() -> Response:
        found = dependencies.health.check()
        status = 503 if found["status"] == "unavailable" else 200
        headers = {"Retry-After": "5"} if status == 503 else {}
        return responses.build_response(
            responses.encode_json(found),
            ResponsePreferences.from_headers(request.headers),
            status=status,
            headers=headers,
        )

    return await dependencies.monitoring_threads.run(work)


_TEXT: dict[str, Any] = {"description": "Prometheus's text format.", "content": {"text/plain": {}}}


@router.get(
    "/metrics", responses={200: _TEXT, **REFUSED, **UNAVAILABLE}, response_class=Response, summary="For Prometheus"
)
async def metrics(request: Request, dependencies: AppDeps, _: Annotated[NoParams, Query()]) -> Response:
    """Trades, lag and heartbeats of the services, gaps, requests and their seconds."""
    return await dependencies.monitoring_threads.run(
        lambda: responses.build_response(
            dependencies.metrics.render_text(), ResponsePreferences.from_headers(request.headers), media=METRICS_MEDIA
        )
    )


async def _serve_page(
    request: Request, dependencies: AppDependencies, listing: Listing, params: ListingParams
) -> Response:
    after = None if params.cursor is None else pagination.decode_cursor(listing, params.cursor)
    preferences = ResponsePreferences.from_headers(request.headers, params.form)

    def work() -> Response:
        known_markets.check_markets(
            params, dependencies.latest, known_markets.make_market_reader(dependencies.pool, listing)
        )
        rows = listings.read_page(dependencies.pool, listing, params.build_conditions(listing), after, params.limit + 1)
        next_cursor = pagination.encode_cursor(listing, rows[params.limit - 1]) if len(rows) > params.limit else None
        rows = rows[: params.limit]
        headers = {"Link": f'<{_build_next_address(request, next_cursor)}>; rel="next"'} if next_cursor else {}
        if preferences.csv:
            return responses.build_response(
                responses.encode_csv_page(listing.columns, rows), preferences, responses.CSV, headers=headers
            )
        return responses.build_response(
            responses.encode_json_page(listing.columns, rows, next_cursor), preferences, headers=headers
        )

    return await dependencies.table_threads.run(work)


def _build_next_address(request: Request, cursor: str) -> str:
    others = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return f"{request.url.path}?{urlencode([*others, ('cursor', cursor)])}"
