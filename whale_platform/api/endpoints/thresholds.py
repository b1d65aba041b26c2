"""The endpoint of suggested thresholds: what Dagster or `whale threshold suggest` computed last from the lake."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from whale_platform.api.endpoints.dependencies import AppDeps
from whale_platform.api.http import responses
from whale_platform.api.http.openapi import describe_responses
from whale_platform.api.http.query_params import MarketFilter
from whale_platform.api.http.responses import ResponsePreferences
from whale_platform.api.models import thresholds as models
from whale_platform.domain.suggestion import explain_missing_hours
from whale_platform.stores.queries import suggestions

router = APIRouter()


@router.get("/thresholds/suggestions", responses=describe_responses(models.Suggestions), summary="Suggested thresholds")
async def suggested(request: Request, dependencies: AppDeps, params: Annotated[MarketFilter, Query()]) -> Response:
    """With the alerts a day that each choice would have given; empty until suggestions are computed."""

    def work() -> Response:
        items = [_describe(row) for row in suggestions.read_suggestions(dependencies.pool)]
        fitting = [one for one in items if params.matches(one["exchange"], one["symbol"])]
        return responses.build_response(
            responses.encode_json({"items": fitting}), ResponsePreferences.from_headers(request.headers)
        )

    return await dependencies.table_threads.run(work)


def _describe(row: Sequence[Any]) -> dict[str, Any]:
    found = dict(zip(suggestions.NAMES, row, strict=True))
    values = {name: responses.to_json_value(value) for name, value in found.items()}
    return values | {"note": explain_missing_hours(found["hours"], found["days"])}
