"""Texts that the OpenAPI description repeats for several endpoints: their responses on success and on failure."""

from typing import Any

from pydantic import BaseModel

from whale_platform.api.http.problems import PROBLEM_MEDIA_TYPE

ResponseSpecs = dict[int | str, dict[str, Any]]


def describe_problems(**texts: str) -> ResponseSpecs:
    """Problems by status, such as `_404="There is none."`."""
    content = {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {int(status.lstrip("_")): {"description": text, "content": content} for status, text in texts.items()}


REFUSED = describe_problems(
    _401="A key is needed.", _421="Asked by a foreign name.", _429="Too many requests; see Retry-After."
)
INVALID = describe_problems(_422="A parameter is wrong; `detail` says what to do.")
UNAVAILABLE = describe_problems(_503="The database is unavailable or the query takes too long; see Retry-After.")
UNCHANGED: ResponseSpecs = {304: {"description": "As If-None-Match says."}}


def describe_responses(model: type[BaseModel], as_csv: bool = False) -> ResponseSpecs:
    """Answers of an endpoint that gives out `model`, where `as_csv` also as CSV."""
    good: dict[str, Any] = {"description": "Newest first." if as_csv else "As it is now.", "model": model}
    if as_csv:
        good["content"] = {"text/csv": {"schema": {"type": "string"}}}
        good["headers"] = {"Link": {"description": 'rel="next": the next page.', "schema": {"type": "string"}}}
    return {200: good, **UNCHANGED, **REFUSED, **INVALID, **UNAVAILABLE}
