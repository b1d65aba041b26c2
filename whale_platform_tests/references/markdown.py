"""What the pages share: the head of a page, a table, and a JSON Schema in a few words."""

from collections.abc import Iterable, Mapping
from typing import Any

COMMAND = ".venv/bin/python -m whale_platform_tests.references"
_NOTE = f"<!-- Written by `{COMMAND}`, which a test holds it to. Change the code that it is taken from instead. -->"


def page(title: str, *parts: str) -> str:
    """Return a page of these parts, with a blank line between them."""
    return "\n\n".join([f"# {title}", _NOTE, *(part.strip("\n") for part in parts)]) + "\n"


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table; a column in which no row has anything is left out."""
    names, cells = list(heads), [[_cell(text) for text in row] for row in rows]
    kept = [index for index in range(len(names)) if any(row[index] for row in cells)]
    lines = [names, ["---"] * len(names), *cells]
    return "\n".join(f"| {' | '.join(line[index] for index in kept)} |" for line in lines)


def code(text: str) -> str:
    """Return text as code; nothing where it is empty."""
    return f"`{text}`" if text else ""


def kind_of(schema: Mapping[str, Any]) -> str:
    """Return what a JSON Schema asks for: `integer, 1 to 65535`, `list of text`; an object as a link to its heading."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return _either([kind_of(option) for option in _options(schema["anyOf"])])
    if "enum" in schema or "const" in schema:
        return _either([code(str(value)) for value in schema.get("enum", [schema.get("const")])])
    if schema.get("type") == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {kind_of(schema['additionalProperties'])}"
    kinds = {"string": "text", "boolean": "true or false"}
    formats = {"path": "path", "password": "secret", "date-time": "time"}
    kind = str(schema.get("type", "any"))
    return formats.get(schema.get("format", ""), kinds.get(kind, kind)) + _limits(schema)


def _options(options: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """A number that may also come as text is a number."""
    numbers = [option for option in options if option.get("type") in ("integer", "number")]
    return [option for option in options if not (numbers and option.get("type") == "string")]


def _either(kinds: list[str]) -> str:
    return " or ".join(part for part in (", ".join(kinds[:-1]), kinds[-1]) if part)


def _limits(schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f", {least:g} to {most:g}"
    if least is not None:
        return f", {least:g} or more"
    return ", more than 0" if schema.get("exclusiveMinimum") == 0 else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
