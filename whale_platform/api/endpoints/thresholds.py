"""The endpoints of thresholds: those that are set, setting one, and those that were suggested last from the lake.

Setting one is the only thing that the API writes. It does so by the function of `whale threshold set`, in one
transaction with the history, under a log-in of its own; what a foreign page could send is refused before.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

import structlog
from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from whale_platform.api.endpoints.dependencies import AppDependencies, AppDeps
from whale_platform.api.errors import ApiProblemError
from whale_platform.api.http import responses
from whale_platform.api.http.openapi import INVALID, REFUSED, UNAVAILABLE, describe_problems, describe_responses
from whale_platform.api.http.parameter_types import AnyExchange, AnySymbol
from whale_platform.api.http.problems import build_unavailable
from whale_platform.api.http.query_params import MarketFilter, NoParams
from whale_platform.api.http.responses import ResponsePreferences
from whale_platform.api.http.threshold_input import ThresholdInput
from whale_platform.api.latest_cache import known_markets
from whale_platform.api.models import thresholds as models
from whale_platform.api.push.app import KEY_NAME
from whale_platform.api.server import write_access
from whale_platform.domain.suggestion import explain_missing_hours
from whale_platform.domain.whale import ANY, build_tier_limits, choose_valid_from
from whale_platform.stores.asset_tables import thresholds as stored_thresholds
from whale_platform.stores.asset_tables.thresholds import Accept, StoredThreshold
from whale_platform.stores.errors import (
    ReadOnlyServerError,
    SchemaMismatchError,
    StoreUnavailableError,
    ThresholdChangedError,
)
from whale_platform.stores.queries import held_thresholds, suggestions

T = TypeVar("T")
TIER_FIELDS = ("threshold_usd", "large_usd", "giant_usd")
router = APIRouter()
log = structlog.get_logger()


def _check_write(request: Request, dependencies: AppDeps) -> None:
    """Raises ApiProblemError. Every endpoint that writes depends on it, and it runs before anything of a body."""
    write_access.check_write(request.scope, dependencies.settings, dependencies.local_only)


WRITES = [Depends(_check_write)]
_REFUSED_WRITE = {
    **REFUSED,
    **describe_problems(_403="Thresholds are not set through this API, or not by who asks."),
    **INVALID,
    **UNAVAILABLE,
}
_CHANGED = describe_problems(
    _412="It is another one by now; the problem's member `current` is the threshold as it is, null where none is set."
)
_SET: dict[int | str, dict[str, Any]] = {
    200: {"description": "As it is stored.", "model": models.Threshold},
    **_REFUSED_WRITE,
    **_CHANGED,
    **describe_problems(_400="The body broke off.", _413="The body is too large.", _415="The body is not JSON."),
}
_REMOVED: dict[int | str, dict[str, Any]] = {
    204: {"description": "It was removed."},
    **_REFUSED_WRITE,
    **_CHANGED,
    **describe_problems(_404="None is set under this name."),
}
_READ_ONLY = "the database takes reads alone (a standby, or set so): WHALE_EDITOR_POSTGRES_DSN names one for changes"
_BODY = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/ThresholdInput"}}}, "required": True}


@router.get("/thresholds", responses=describe_responses(models.Thresholds), summary="The thresholds that are set")
async def listed(request: Request, dependencies: AppDeps, _: Annotated[NoParams, Query()]) -> Response:
    """From how many US dollars on an order is a whale, as `whale threshold list` has it."""
    refusal = write_access.explain_read_only(request.scope, dependencies.settings, dependencies.local_only)

    def work() -> Response:
        reason = refusal
        if reason is None and dependencies.settings.editor_postgres_dsn is None:  # its server is the one that is read
            reason = _READ_ONLY if held_thresholds.is_read_only(dependencies.pool) else None
        items = [_describe_threshold(one) for one in held_thresholds.list_thresholds(dependencies.pool)]
        return responses.build_response(
            responses.encode_json({"items": items, "read_only": reason}),
            ResponsePreferences.from_headers(request.headers),
        )

    return await dependencies.table_threads.run(work)


@router.put(
    "/thresholds/{exchange}/{symbol:path}",
    dependencies=WRITES,
    responses=_SET,
    openapi_extra={"requestBody": _BODY},
    summary="Set a threshold",
)
async def set_one(
    request: Request,
    dependencies: AppDeps,
    exchange: Annotated[AnyExchange, Path()],
    symbol: Annotated[AnySymbol, Path()],
    _: Annotated[NoParams, Query()],
) -> Response:
    """As `whale threshold set` does: in the place of what holds from `valid_from` on; older hours keep theirs.

    The stream takes it up at its next checkpoint. Suggestions under it are removed. While recorded trades are replayed
    it holds for all of them unless `valid_from` says otherwise. With `If-Match` (the ETag of what is to be replaced) or
    `If-None-Match: *` (none is set yet) nothing is changed that somebody else has changed meanwhile.
    """
    asked = await _read_input(request)
    accept = _build_precondition(request)
    valid_from = choose_valid_from(asked.valid_from, dependencies.settings.source)

    def work(dsn: str) -> StoredThreshold:
        known_markets.check_place(exchange, symbol, dependencies.latest, dependencies.pool)
        return stored_thresholds.set_threshold(
            dsn,
            exchange,
            symbol,
            asked.threshold_usd,
            valid_from,
            large=asked.large_usd,
            giant=asked.giant_usd,
            accept=accept,
            hours=asked.hours_usd,
        )

    written = await _write(dependencies, work)
    stored = _describe_threshold(written)
    log.info("threshold set", key=request.scope.get(KEY_NAME, ""), **stored)
    headers = {"Cache-Control": "no-store", "ETag": _format_etag(written)}
    return Response(responses.encode_json(stored), headers=headers, media_type=responses.JSON)


@router.delete(
    "/thresholds/{exchange}/{symbol:path}",
    dependencies=WRITES,
    responses=_REMOVED,
    status_code=204,
    summary="Remove a threshold",
)
async def remove_one(
    request: Request,
    dependencies: AppDeps,
    exchange: Annotated[AnyExchange, Path()],
    symbol: Annotated[AnySymbol, Path()],
    _: Annotated[NoParams, Query()],
) -> Response:
    """A less specific one applies from now on; what held before stays in the history.

    While recorded trades are replayed it applies to all of them, and nothing of the place stays in the history. With
    `If-Match` (its ETag) nothing is removed that somebody else has changed meanwhile.
    """
    if (exchange, symbol) == (ANY, ANY):
        raise ApiProblemError(422, "the threshold of everything can't be removed: set another one")
    valid_from, accept = choose_valid_from(None, dependencies.settings.source), _build_precondition(request)

    def work(dsn: str) -> bool:
        return stored_thresholds.remove_threshold(dsn, exchange, symbol, valid_from, accept)

    if not await _write(dependencies, work):
        raise ApiProblemError(404, "there is no threshold of this name: /thresholds lists them")
    log.info("threshold removed", key=request.scope.get(KEY_NAME, ""), exchange=exchange, symbol=symbol)
    return Response(status_code=204, headers={"Cache-Control": "no-store"})


@router.get("/thresholds/suggestions", responses=describe_responses(models.Suggestions), summary="Suggested thresholds")
async def suggested(request: Request, dependencies: AppDeps, params: Annotated[MarketFilter, Query()]) -> Response:
    """With the alerts a day that each choice would have given; empty until suggestions are computed."""

    def work() -> Response:
        items = [_describe_suggestion(row) for row in suggestions.read_suggestions(dependencies.pool)]
        fitting = [one for one in items if params.matches(one["exchange"], one["symbol"])]
        return responses.build_response(
            responses.encode_json({"items": fitting}), ResponsePreferences.from_headers(request.headers)
        )

    return await dependencies.table_threads.run(work)


async def _read_input(request: Request) -> ThresholdInput:
    try:
        return ThresholdInput.model_validate_json(await write_access.read_json(request))
    except ClientDisconnect:
        raise ApiProblemError(400, "the body broke off: send all of it") from None
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError([one | {"loc": ("body", *one["loc"])} for one in found]) from None


async def _write(dependencies: AppDependencies, work: Callable[[str], T]) -> T:
    """What `work` returns of the connection string by which thresholds are set."""

    def write() -> T:
        try:
            dsn = dependencies.settings.dsn("editor")
        except OSError as error:
            log.warning("thresholds can't be set", error=str(error))
            raise build_unavailable(
                "the log-in that sets thresholds is missing: `whale restart --all` makes it"
            ) from None
        return work(dsn)

    try:
        return await dependencies.write_threads.run(write)
    except ThresholdChangedError as error:
        raise _describe_conflict(error.current) from None
    except ReadOnlyServerError:
        raise ApiProblemError(503, _READ_ONLY) from None
    except StoreUnavailableError as error:
        if "statement timeout" not in str(error):
            raise
        raise build_unavailable("changes before this one take too long, and nothing was changed: retry", 5) from None
    except SchemaMismatchError as error:
        log.warning("thresholds can't be set", error=str(error))
        raise build_unavailable("this log-in may not set thresholds: see `whale logs api`") from None


def _build_precondition(request: Request) -> Accept | None:
    """Whether If-Match and If-None-Match (RFC 9110) fit what stands there; None where neither is given."""
    wanted, unwanted = (request.headers.getlist(name) for name in ("if-match", "if-none-match"))
    if not wanted and not unwanted:
        return None

    def accept(current: StoredThreshold | None) -> bool:
        def fits(values: list[str]) -> bool:
            return current is not None and responses.matches_etag(", ".join(values), _format_etag(current))

        return (not wanted or fits(wanted)) and not fits(unwanted)

    return accept


def _format_etag(stored: StoredThreshold) -> str:
    return f'"{stored.version}"'


def _describe_conflict(current: object) -> ApiProblemError:
    """412 with what stands there now."""
    if not isinstance(current, StoredThreshold):
        text = "somebody else has removed this threshold meanwhile, so nothing was changed: read /thresholds again"
        return ApiProblemError(412, text, members={"current": None})
    known = _describe_threshold(current)
    amounts = ", ".join(f"{name.removesuffix('_usd')} {known[name]}" for name in TIER_FIELDS)
    by_hour = ", and others by the hour of the week" if known["hours_usd"] else ""
    text = (
        f"somebody else has changed this threshold meanwhile ({amounts} US dollars now{by_hour}), so nothing changed: "
        f"send If-Match with the ETag of `current` to replace it"
    )
    return ApiProblemError(412, text, {"ETag": _format_etag(current)}, {"current": known})


def _describe_threshold(stored: StoredThreshold) -> dict[str, Any]:
    change = stored.change
    assert change.usd is not None  # the table has no null
    limits = build_tier_limits(change.usd, change.large_usd, change.giant_usd)
    given = {"large": change.large_usd, "giant": change.giant_usd}
    values = {
        "exchange": change.exchange,
        "symbol": change.symbol,
        **dict(zip(TIER_FIELDS, limits, strict=True)),
        "set_tiers": [tier for tier, usd in given.items() if usd is not None],
        "valid_from": change.valid_from,
        "origin": stored.origin,
        "updated_at": stored.updated_at,
        "version": stored.version,
    }
    hours = change.hours_usd and [responses.to_json_value(usd) for usd in change.hours_usd]
    return {name: responses.to_json_value(value) for name, value in values.items()} | {"hours_usd": hours}


def _describe_suggestion(row: Sequence[Any]) -> dict[str, Any]:
    found = dict(zip(suggestions.NAMES, row, strict=True))
    values = {name: responses.to_json_value(value) for name, value in found.items()}
    return values | {"note": explain_missing_hours(found["hours"], found["days"])}
