"""The daily reports that Dagster writes into the home: which there are, and each as the page that it is.

A path is made from a date and from nothing else of a request. A page needs nothing beside itself, so its policy lets
it load and run nothing: should a cell's text ever become markup, it could do nothing.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from whale_platform.api.endpoints.dependencies import AppDeps
from whale_platform.api.errors import ApiProblemError
from whale_platform.api.http import responses
from whale_platform.api.http.openapi import (
    INVALID,
    REFUSED,
    UNAVAILABLE,
    UNCHANGED,
    describe_problems,
    describe_responses,
)
from whale_platform.api.http.parameter_types import Day
from whale_platform.api.http.query_params import NoParams
from whale_platform.api.http.responses import ResponsePreferences
from whale_platform.api.models.daily_reports import DailyReports
from whale_platform.reports import daily_files

router = APIRouter()
HTML = "text/html; charset=utf-8"
CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox"
)
MISSING = (
    "there is no report of this day: /reports/daily lists those there are. Dagster writes a day's at 00:33 UTC of the "
    "next day, and any day's once its asset `daily_market_report` is materialised"
)


@router.get("/reports/daily", responses=describe_responses(DailyReports), summary="The days that have a report")
async def daily_reports(request: Request, dependencies: AppDeps, _: Annotated[NoParams, Query()]) -> Response:
    """The newest day first; none where Dagster has not materialised any."""

    def work() -> Response:
        items = [
            {
                "day": page.day.isoformat(),
                "path": f"/reports/daily/{page.day.isoformat()}",
                "updated_at": responses.format_time(page.updated),
                "bytes": page.size,
            }
            for page in daily_files.list_pages(dependencies.settings.home)
        ]
        return responses.build_response(
            responses.encode_json({"items": items}), ResponsePreferences.from_headers(request.headers)
        )

    return await dependencies.monitoring_threads.run(work)


_PAGE: dict[str, Any] = {
    "description": "One page that loads nothing else.",
    "content": {"text/html": {"schema": {"type": "string"}}},
}
_RESPONSES = {200: _PAGE, **UNCHANGED, **REFUSED, **INVALID, **UNAVAILABLE, **describe_problems(_404="No such report.")}


@router.get(
    "/reports/daily/{day}",
    responses=_RESPONSES,
    response_class=Response,
    summary="A day's market and whales as a page",
)
async def daily_report(
    request: Request, dependencies: AppDeps, day: Annotated[Day, Path()], _: Annotated[NoParams, Query()]
) -> Response:
    """Rollups and whale reports of a day's hours (UTC) as tables and pictures, for people."""

    def work() -> Response:
        try:
            page = daily_files.page_path(dependencies.settings.home, day).read_bytes()
        except OSError:
            raise ApiProblemError(404, MISSING) from None
        preferences = ResponsePreferences.from_headers(request.headers)
        return responses.build_response(page, preferences, HTML, headers={"Content-Security-Policy": CSP})

    return await dependencies.monitoring_threads.run(work)
