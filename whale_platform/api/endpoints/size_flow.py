"""The flow by order size: what the orders of each size bought and sold in the last minutes.

The minutes are computed from the lake (repair/band_rows.py), so they are one to two minutes behind the windows.
"""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from whale_platform.api.endpoints.dependencies import AppDeps
from whale_platform.api.http import responses
from whale_platform.api.http.openapi import describe_responses
from whale_platform.api.http.query_params import SizeFlowParams
from whale_platform.api.http.responses import ResponsePreferences
from whale_platform.api.latest_cache import known_markets
from whale_platform.api.models import size_flow as models
from whale_platform.domain.size_bands import BandFlow, MarketBands, build_flows
from whale_platform.stores.queries import size_flows

router = APIRouter()


@router.get("/flow", responses=describe_responses(models.SizeFlows), summary="Flow by order size")
async def flow(request: Request, dependencies: AppDeps, params: Annotated[SizeFlowParams, Query()]) -> Response:
    """Dollars and orders by size band over the last minutes, of every symbol that fits.

    An order is all fills of a taker's order together. `min_usd` leaves out the bands below it: 1000000 answers what
    only orders of a million and more did.
    """

    def work() -> Response:
        pool = dependencies.pool
        known_markets.check_markets(
            params, dependencies.latest, known_markets.make_market_reader(pool, size_flows.BANDS)
        )
        end = size_flows.find_end(pool)
        start = None if end is None else end - timedelta(minutes=params.minutes)
        rows = [] if start is None else size_flows.read_flows(pool, start, params.build_market_conditions())
        times = {"from": responses.to_json_value(start), "to": responses.to_json_value(end)}
        whole = times | {"items": [_build_item(row, params.min_usd) for row in rows]}
        return responses.build_response(responses.encode_json(whole), ResponsePreferences.from_headers(request.headers))

    return await dependencies.table_threads.run(work)


def _build_item(row: MarketBands, min_usd: int) -> dict[str, Any]:
    counts = {name: getattr(row, name) for name in ("exchange", "symbol", "trades", "unvalued_trades")}
    if row.buy_usd is None or row.sell_usd is None or row.buy_orders is None or row.sell_orders is None:
        return counts | {"bands": None}
    flows = build_flows(row.buy_usd, row.sell_usd, row.buy_orders, row.sell_orders)
    return counts | {"bands": [_build_band(flow) for flow in flows if flow.from_usd >= min_usd]}


def _build_band(flow: BandFlow) -> dict[str, Any]:
    return {name: responses.to_json_value(getattr(flow, name)) for name in models.SizeBandFlow.model_fields}
