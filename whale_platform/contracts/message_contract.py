"""How a message is described: its fields once, from which every schema is derived.

DuckDB's schema, the JSON Schema, Dagster's column schemas and docs/reference/topics.md all come from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

FieldKind = Literal["integer", "time", "decimal", "name", "text", "boolean", "ranges"]

_DECIMAL = r"^[0-9]{1,60}(\.[0-9]{1,60})?$"
_JSON_SCHEMAS: dict[FieldKind, dict[str, Any]] = {
    "integer": {"type": "integer"},
    "time": {"type": "integer", "description": "microseconds since the epoch, UTC"},
    "decimal": {"type": "string", "pattern": _DECIMAL},
    "name": {"type": "string", "minLength": 1},
    "text": {"type": "string"},
    "boolean": {"type": "boolean"},
    "ranges": {
        "type": "array",
        "items": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
    },
}
_DUCKDB_TYPES: dict[FieldKind, str] = {"integer": "BIGINT", "time": "BIGINT", "boolean": "JSON"}


class MessageField(NamedTuple):
    """One field of a JSON object. nullable: it may be null; optional: it may be absent."""

    name: str
    kind: FieldKind
    about: str = ""
    nullable: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class MessageContract:
    """The message of one topic.

    version: the field `v` of what is written now, None where messages have none; writers keep the order of `fields`.
    key: an example of the Kafka key; example: one message.
    """

    topic: str
    version: int | None
    about: str
    key: str
    fields: tuple[MessageField, ...]
    example: Mapping[str, Any]

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of what is written now. Further fields may come without a new version."""
        version: dict[str, Any] = {} if self.version is None else {"v": {"const": self.version}}
        required = [*version, *(field.name for field in self.fields if not field.optional)]
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": self.topic,
            "description": self.about,
            "type": "object",
            "properties": version | {field.name: _describe_field(field) for field in self.fields},
            "required": required,
        }

    def duckdb_schema(self) -> str:
        """Return the type, a STRUCT, as which DuckDB's `read_json` reads a message."""
        fields = (MessageField("v", "integer"), *self.fields)
        columns = (f"{one.name} {_DUCKDB_TYPES.get(one.kind, 'VARCHAR')}" for one in fields)
        return f"STRUCT({', '.join(columns)})"


def _describe_field(field: MessageField) -> dict[str, Any]:
    kind = _JSON_SCHEMAS[field.kind]
    about = ": ".join(part for part in (field.about, kind.get("description", "")) if part)
    described = kind | ({"description": about} if about else {})
    return {"anyOf": [described, {"type": "null"}]} if field.nullable else described
