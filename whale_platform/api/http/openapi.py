"""Words that the OpenAPI description says of several endpoints: what they answer when all is well, and when not."""

from typing import Any

from pydantic import BaseModel

from whale_platform.api.http.problems import MEDIA

Answers = dict[int | str, dict[str, Any]]


def problems(**texts: str) -> Answers:
    """Problems by status, such as `_404="There is none."`."""
    content = {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {int(status.lstrip("_")): {"description": text, "content": content} for status, text in texts.items()}


REFUSED = problems(_401="A key is needed.", _421="Asked by a foreign name.", _429="Too many requests; see Retry-After.")
WRONG = problems(_422="A parameter is wrong; `detail` says what to do.")
AWAY = problems(_503="The database is away or the question takes too long; see Retry-After.")
UNCHANGED: Answers = {304: {"description": "As If-None-Match says."}}


def given(model: type[BaseModel], as_csv: bool = False) -> Answers:
    """Answers of an endpoint that gives out `model`, where `as_csv` also as CSV."""
    good: dict[str, Any] = {"description": "Newest first." if as_csv else "As it is now.", "model": model}
    if as_csv:
        good["content"] = {"text/csv": {"schema": {"type": "string"}}}
        good["headers"] = {"Link": {"description": 'rel="next": the next page.', "schema": {"type": "string"}}}
    return {200: good, **UNCHANGED, **REFUSED, **WRONG, **AWAY}
