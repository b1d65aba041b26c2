"""The app: endpoints, their OpenAPI description, and every error as a problem.

Built from parts that the caller made (`AppDependencies`), so tests put in their own. Nothing runs at import. The
interactive pages that FastAPI brings are left out: they load their scripts from elsewhere.
"""

from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from whale_platform import __version__
from whale_platform.api.endpoints import daily_reports, dashboard, listings, size_flow, static_files, thresholds
from whale_platform.api.endpoints.dependencies import AppDependencies
from whale_platform.api.errors import ApiProblemError
from whale_platform.api.http import problems, query_params
from whale_platform.api.http.problems import Problem, build_unavailable
from whale_platform.api.http.threshold_input import ThresholdInput
from whale_platform.api.middleware import EdgeMiddleware
from whale_platform.api.server.rate_limit import RequestRateLimiter
from whale_platform.stores.errors import PostgresUnusableError, RowRejectedError

ABOUT = """Trades, windows and whales as they are in Postgres. Decimals are strings with all their digits, times are RFC
3339 in UTC; prices and notionals are in quote currency and volumes in base units unless a field says US dollars.
Errors are RFC 9457 problems. GETs carry an ETag; send it back as If-None-Match."""


class _App(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """The description, with the problems in place of FastAPI's own shape of a 422, and what is read as a body."""
        if self.openapi_schema is None:
            schemas = super().openapi()["components"]["schemas"]
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            schemas |= {model.__name__: model.model_json_schema() for model in (Problem, ThresholdInput)}
        assert self.openapi_schema is not None
        return self.openapi_schema


def build_app(dependencies: AppDependencies) -> tuple[ASGIApp, FastAPI]:
    """(what is served, the FastAPI app inside it)."""
    app = _App(
        title="Whale Platform",
        version=__version__,
        description=ABOUT,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(query_params.reject_repeated_params)],
    )
    app.state.dependencies = dependencies
    app.include_router(listings.router)
    app.include_router(thresholds.router)
    app.include_router(dashboard.router)
    app.include_router(size_flow.router)
    app.include_router(daily_reports.router)
    app.include_router(static_files.build_router(dependencies.settings.tools))
    app.include_router(dependencies.push.router)
    app.add_exception_handler(ApiProblemError, problems.handle_problem)
    app.add_exception_handler(RequestValidationError, _handle_invalid_params)
    app.add_exception_handler(HTTPException, _handle_http_error)
    app.add_exception_handler(PostgresUnusableError, _handle_postgres_error)
    app.add_exception_handler(RowRejectedError, _handle_rejected_value)
    app.add_exception_handler(Exception, _handle_crash)
    limiter = RequestRateLimiter(dependencies.settings.api_rate)
    served: ASGIApp = EdgeMiddleware(app, dependencies, limiter)
    if dependencies.settings.api_cors:
        served = CORSMiddleware(
            served,
            allow_origins=dependencies.settings.api_cors,
            allow_methods=["GET", "HEAD"],
            allow_headers=["Authorization", "X-API-Key", "If-None-Match"],
            expose_headers=["ETag", "Link", "Retry-After"],
            max_age=600,
        )
    return served, app


async def _handle_invalid_params(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    told = []
    for one in error.errors():
        name = ".".join(str(part) for part in one["loc"][1:])[:80]
        if one["type"] == "extra_forbidden":
            told.append(f"{name!a}: there is no such parameter, see /openapi.json")
        else:
            text = str(one["msg"]).removeprefix("Value error, ")
            told.append(f"{name}: {text}" if name else text)
    return problems.build_problem_response(ApiProblemError(422, "; ".join(told[:5])))


async def _handle_http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    texts = {
        404: "there is nothing at this address: see /openapi.json for what there is",
        405: "this method is not served here: see /openapi.json",
    }
    text = texts.get(error.status_code, str(error.detail))
    return problems.build_problem_response(ApiProblemError(error.status_code, text, error.headers))


async def _handle_postgres_error(_: Request, error: Exception) -> Response:
    if "statement timeout" in str(error):
        return problems.build_problem_response(
            build_unavailable("this takes longer than 2 s: ask for less, such as a shorter time")
        )
    return problems.build_problem_response(
        build_unavailable("the database is unavailable: retry in some seconds, see /health", 5)
    )


async def _handle_rejected_value(_: Request, __: Exception) -> Response:
    return problems.build_problem_response(
        ApiProblemError(422, "a value is out of the range of its column: ask for a smaller one")
    )


async def _handle_crash(_: Request, __: Exception) -> Response:
    return problems.build_problem_response(
        ApiProblemError(500, "this is a fault of the server; its log has the reason: `whale logs api`")
    )
