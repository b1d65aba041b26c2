"""api.md: the paths of the OpenAPI document with their parameters and answers, and the objects they answer with."""

import json
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from whale_platform.api import app
from whale_platform.api.endpoints.dependencies import AppDependencies
from whale_platform.api.push.clients import message_schema
from whale_platform.settings import Settings
from whale_platform.stores.postgres.pool import ConnectionPool
from whale_platform_tests.references.markdown import code, kind_of, page, table

MORE = """`/openapi.json` is the same for programs. `/stream`, a WebSocket, is not part of it: what it sends stands as
[JSON Schema](schemas/stream.json), what it takes in [the guide](../guides/api.md#live-push)."""
OFTEN = "Most paths also answer, beside what stands at each:"
ANSWER = ("status", "answer", "meaning")
Answer = tuple[str, str, str]


def render() -> str:
    """Return the page."""
    whole = document()
    operations = [
        (f"{method.upper()} {path}", operation)
        for path, methods in whole["paths"].items()
        for method, operation in methods.items()
    ]
    counted = Counter(answer for _, operation in operations for answer in _answers(operation))
    often = {answer for answer, count in counted.items() if count > len(operations) / 2 and answer[0] != "200"}
    paths = [_operation(name, operation, often) for name, operation in operations]
    shapes = [_object(name, shape) for name, shape in sorted(whole["components"]["schemas"].items())]
    return page(
        "API", whole["info"]["description"], MORE, OFTEN, table(ANSWER, sorted(often)), *paths, "## Objects", *shapes
    )


def render_stream_schema() -> str:
    """Return the JSON Schema of what `/stream` sends."""
    return json.dumps(message_schema.SCHEMA, indent=1, ensure_ascii=False) + "\n"


def document() -> dict[str, Any]:
    """Return the OpenAPI document; no database is asked for it."""
    with TemporaryDirectory() as home:
        parts = AppDependencies(Settings.model_validate({"home": Path(home)}), ConnectionPool(str, "reference"))
        try:
            return app.build_app(parts)[1].openapi()
        finally:
            parts.close()


def _operation(name: str, operation: Mapping[str, Any], often: Collection[Answer]) -> str:
    given = [
        (code(one["name"]), one["in"], kind_of(one["schema"]), _default(one["schema"]), one.get("description", ""))
        for one in operation.get("parameters", ())
    ]
    own = [answer for answer in _answers(operation) if answer not in often]
    parts = (
        f"## {name}",
        f"{operation['summary']}. {operation.get('description', '')}",
        table(("parameter", "in", "type", "default", "meaning"), given) if given else "",
        f"The body is a {_content(operation['requestBody'])}." if "requestBody" in operation else "",
        table(ANSWER, own),
    )
    return "\n\n".join(part for part in parts if part)


def _answers(operation: Mapping[str, Any]) -> list[Answer]:
    return [(status, _content(one), one["description"]) for status, one in operation["responses"].items()]


def _content(answer: Mapping[str, Any]) -> str:
    return ", ".join(
        kind_of(content["schema"]) if "$ref" in content.get("schema", {}) else code(media)
        for media, content in answer.get("content", {}).items()
    )


def _object(name: str, shape: Mapping[str, Any]) -> str:
    fields = [
        (code(field), kind_of(one), one.get("description", ""), _example(one))
        for field, one in shape["properties"].items()
    ]
    return f"### {name}\n\n{table(('field', 'type', 'meaning', 'example'), fields)}"


def _default(schema: Mapping[str, Any]) -> str:
    return code(str(schema["default"])) if schema.get("default") not in (None, []) else ""


def _example(schema: Mapping[str, Any]) -> str:
    return code(str(schema["examples"][0])) if "examples" in schema else ""
