"""Errors as RFC 9457 problem details: what is wrong, and in `detail` what to do about it.

Nothing of a request is quoted but the names of its parameters, and nothing of the server's inside is told: the reason
of a 500 is in the service's log.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from whale_platform.api.errors import ApiProblemError

PROBLEM_MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """RFC 9457."""

    type: str = Field(description="Always `about:blank`: the status says what kind it is.", examples=["about:blank"])
    title: str = Field(description="The status in words.", examples=["Unprocessable Content"])
    status: int = Field(description="The HTTP status.", examples=[422])
    detail: str = Field(description="What is wrong and what to do.", examples=["limit: give 1 to 1000"])


def build_unavailable(detail: str, retry_s: int = 2) -> ApiProblemError:
    """503 with Retry-After in seconds."""
    return ApiProblemError(503, detail, {"Retry-After": str(retry_s)})


def encode_problem(status: int, detail: str, members: Mapping[str, Any] | None = None) -> bytes:
    """Return the problem as JSON bytes; `members`: what it has beside those of every problem."""
    title = HTTPStatus(status).phrase
    common = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return json.dumps(common | dict(members or {})).encode()


def build_problem_response(problem: ApiProblemError) -> Response:
    """Return the response that shows `problem`."""
    headers = {"Cache-Control": "no-store", **problem.headers}
    content = encode_problem(problem.status, problem.detail, problem.members)
    return Response(content, problem.status, headers, PROBLEM_MEDIA_TYPE)


async def handle_problem(_: Request, error: Exception) -> Response:
    """The app's handler of Refusal."""
    assert isinstance(error, ApiProblemError)
    return build_problem_response(error)
