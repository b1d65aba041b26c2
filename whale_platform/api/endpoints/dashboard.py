"""Endpoints that one view of the dashboard needs at once: sparklines, whales summed up, one whale with its context.

They are as open to other programs as the listings; each is one question, bounded in time.
"""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from whale_platform.api.endpoints import kafka_lookup
from whale_platform.api.endpoints.dependencies import AppDependencies, AppDeps
from whale_platform.api.errors import ApiProblemError
from whale_platform.api.http import responses
from whale_platform.api.http.openapi import describe_problems, describe_responses
from whale_platform.api.http.parameter_types import Exchange, Symbol, WholeNumber
from whale_platform.api.http.query_params import SparklineParams, WhaleContextParams, WhaleSummaryParams
from whale_platform.api.http.responses import ResponsePreferences
from whale_platform.api.latest_cache import known_markets
from whale_platform.api.latest_cache.cache import LatestCache
from whale_platform.api.models import dashboard as dashboard_models
from whale_platform.domain.names import SWEEP
from whale_platform.stores.queries import dashboard
from whale_platform.stores.queries.dashboard import SIZES_USD, WhaleBreakdown
from whale_platform.stores.queries.listings import WHALES, WINDOWS, ColumnCondition
from whale_platform.stores.queries.whale_context import read_context
from whale_platform.version import parse_run_id

router = APIRouter()
DAY, MAX_PERIOD = timedelta(days=1), timedelta(days=31)


@router.get(
    "/sparklines", responses=describe_responses(dashboard_models.Sparklines), summary="Closes of the last minutes"
)
async def sparklines(request: Request, dependencies: AppDeps, params: Annotated[SparklineParams, Query()]) -> Response:
    """Of every symbol that fits, up to the newest minute of all."""
    since = _find_end(dependencies.latest) - timedelta(minutes=params.minutes)
    conditions = [*params.build_market_conditions(), ColumnCondition(WINDOWS.time, ">=", since)]

    def work() -> Response:
        known_markets.check_markets(
            params, dependencies.latest, known_markets.make_market_reader(dependencies.pool, WINDOWS)
        )
        names = ("exchange", "symbol", "times", "closes")
        rows = dashboard.read_closes(dependencies.pool, conditions)
        items = [dict(zip(names, row, strict=True)) for row in rows]
        return responses.build_response(
            responses.encode_json({"items": items}), ResponsePreferences.from_headers(request.headers)
        )

    return await dependencies.table_threads.run(work)


@router.get(
    "/whales/summary",
    responses=describe_responses(dashboard_models.WhaleSummary),
    summary="Whales of a time, summed up",
)
async def whale_summary(
    request: Request, dependencies: AppDeps, params: Annotated[WhaleSummaryParams, Query()]
) -> Response:
    """By hour, kind and size, and the ten largest. Without `from` the day before `to`, without `to` up to now.

    Each dollar is counted once: a single trade that is a fill of a sweep is counted in the sweep, unless `kind` leaves
    sweeps out. No sum takes two market kinds: `others` has those beside `market_kind`.
    """
    market_kind = params.summed_kind
    end = params.end or _find_end(dependencies.latest)
    start = params.start or end - DAY
    if not start < end <= start + MAX_PERIOD:
        raise ApiProblemError(422, "`from` must lie before `to`, by 31 days at most")
    params.start, params.end = start, end

    def work() -> Response:
        known_markets.check_markets(
            params, dependencies.latest, known_markets.make_market_reader(dependencies.pool, WHALES)
        )
        conditions = params.build_conditions(WHALES)
        found = dashboard.summarise_whales(dependencies.pool, params.listing, conditions, market_kind)
        whole = {"from": start, "to": end, "market_kind": market_kind} | _build_summary(found)
        return responses.build_response(
            responses.encode_json(_to_json_values(whole)), ResponsePreferences.from_headers(request.headers)
        )

    return await dependencies.table_threads.run(work)


_ONE = {**describe_responses(dashboard_models.WhaleContext), **describe_problems(_404="There is no such whale.")}


@router.get("/whales/{exchange}/{symbol:path}/{trade_id}", responses=_ONE, summary="One whale and what was around it")
async def whale_context(
    request: Request,
    dependencies: AppDeps,
    exchange: Annotated[Exchange, Path()],
    symbol: Annotated[Symbol, Path()],
    trade_id: Annotated[
        int, Field(ge=0, lt=2**63), WholeNumber, Path(description="As in the whale.", examples=[3721043801])
    ],
    params: Annotated[WhaleContextParams, Query()],
) -> Response:
    """Its minute and those around, its hour, its offset in Kafka with its neighbours, and the run that wrote it.

    A sweep with the single trades in it, a single trade with the sweep that it is a fill of.
    """
    kind = params.kind[0] if params.kind else None
    found = await dependencies.table_threads.run(lambda: _read_context(dependencies, exchange, symbol, trade_id, kind))

    def search() -> Response:
        whale = found["whale"]
        known = None if whale["topic_offset"] is None else (whale["topic_partition"], whale["topic_offset"])
        if params.topic == "skip":
            place = kafka_lookup.TradeLocation(missing="it was not asked for")
        elif known is None and whale["source"] == "import":
            place = kafka_lookup.TradeLocation(missing="it was imported: it came by no topic")
        else:
            place = kafka_lookup.find_trade(
                dependencies.settings.bootstrap,
                exchange,
                symbol,
                whale["last_trade_id"] or trade_id,  # the message that its row is of
                whale["received_time"],
                known,
                trade_id if whale["kind"] == SWEEP else None,
            )
        whole = found | {"trade": place.place, "trade_missing": place.missing, "around": place.around}
        return responses.build_response(
            responses.encode_json(_to_json_values(whole)), ResponsePreferences.from_headers(request.headers)
        )

    threads = dependencies.table_threads if params.topic == "skip" else dependencies.kafka_threads
    return await threads.run(search)


def _find_end(cache: LatestCache) -> datetime:
    """The end of the newest minute of all, so that replayed days have a last day too."""
    edge = cache.newest_minute()
    return datetime.now(UTC) if edge is None else edge + timedelta(minutes=1)


def _build_summary(breakdown: WhaleBreakdown) -> dict[str, Any]:
    ends = [None, *SIZES_USD, None]
    return {
        "others": [
            dict(zip(("market_kind", "whales", "buy_usd", "sell_usd"), (kind, *flow), strict=True))
            for kind, flow in breakdown.others.items()
        ],
        "whales": sum(whales for _, whales, _, _ in breakdown.hours),
        "kinds": [dict(zip(("kind", "whales", "notional_usd"), row, strict=True)) for row in breakdown.kinds],
        "buy_usd": sum((buy for _, _, buy, _ in breakdown.hours), Decimal(0)),
        "sell_usd": sum((sell for _, _, _, sell in breakdown.hours), Decimal(0)),
        "hours": [dict(zip(("hour", "whales", "buy_usd", "sell_usd"), row, strict=True)) for row in breakdown.hours],
        "sizes": [
            {"from_usd": ends[place] or 0, "to_usd": ends[place + 1], "buys": buys, "sells": sells}
            for place in range(0 if 0 in breakdown.sizes else 1, len(SIZES_USD) + 1)
            for buys, sells in [breakdown.sizes.get(place, (0, 0))]
        ],
        "top": [dict(zip(WHALES.columns, row, strict=True)) for row in breakdown.top],
    }


def _read_context(
    dependencies: AppDependencies, exchange: str, symbol: str, trade_id: int, kind: str | None
) -> dict[str, Any]:
    pool = dependencies.pool
    whale = dashboard.read_whale(pool, exchange, symbol, trade_id, kind)
    if whale is None and (gone := dashboard.read_taken_back(pool, exchange, symbol, trade_id, kind)):
        when = f"{gone['taken_back_time']:%Y-%m-%d %H:%M:%S} UTC"
        raise ApiProblemError(404, f"this whale was taken back at {when} by {gone['taken_back_by']}: {gone['reason']}")
    if whale is None:
        raise ApiProblemError(404, "there is no such whale: /whales lists them")
    time: datetime = whale["event_time"]
    minute = time.replace(second=0, microsecond=0)
    minutes = dashboard.read_minutes_around(pool, exchange, symbol, minute)
    return {
        "whale": whale,
        "window": next((one for one in minutes if one["window_start"] == minute), None),
        "windows": minutes,
        "prices": dashboard.read_prices(pool, whale),
        "measures": _read_measures(dependencies, whale),
        "sweep": dashboard.read_sweep_of(pool, whale),
        "parts": dashboard.read_parts(pool, whale),
        "cluster": dashboard.read_cluster(pool, whale),
        "report": dashboard.read_report(pool, exchange, symbol, minute.replace(minute=0)),
        "run": asdict(parse_run_id(whale["run_id"])),
    }


def _read_measures(dependencies: AppDependencies, whale: dict[str, Any]) -> dict[str, Any] | None:
    found = read_context(dependencies.pool, whale)
    if found is None:
        return None
    time, newest = whale["event_time"], dependencies.latest.newest_minute(whale["exchange"])
    begins = {"minute": time.replace(second=0, microsecond=0), "hour": time.replace(minute=0, second=0, microsecond=0)}
    shares = {
        name: {
            "notional": found.pop(f"{name}_notional"),
            "share": found.pop(f"{name}_share"),
            "over": newest is not None and newest >= begins[name] + length,
        }
        for name, length in (("minute", timedelta(minutes=1)), ("hour", timedelta(hours=1)))
    }
    return shares | found


def _to_json_values(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _to_json_values(one) for name, one in value.items()}
    return [_to_json_values(one) for one in value] if isinstance(value, list) else responses.to_json_value(value)
