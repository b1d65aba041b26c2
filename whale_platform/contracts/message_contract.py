"""How a message is described: its fields once, from which every schema is derived.

Spark's and DuckDB's schemas, the JSON Schema, Dagster's column schemas and docs/reference/topics.md all come from here.
"""

from collections.abc import Iterable, Mapping
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
_SPARK_TYPES: dict[FieldKind, str] = {"integer": "bigint", "time": "bigint", "boolean": "boolean"}
_DUCKDB_TYPES: dict[FieldKind, str] = {"integer": "BIGINT", "time": "BIGINT", "boolean": "BOOLEAN"}


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

    def spark_schema(self, leave_out: Iterable[str] = ()) -> str:
        """Return the DDL with which Spark's `from_json` reads a message, without the fields of `leave_out`."""
        return ", ".join(f"{name} {kind}" for name, kind in self.spark_types(leave_out).items())

    def spark_types(self, leave_out: Iterable[str] = ()) -> dict[str, str]:
        """Return Spark's type of each field, by name, without the fields of `leave_out`."""
        return dict(self._list_typed_fields(_SPARK_TYPES, "string", leave_out))

    def duckdb_schema(self) -> str:
        """Return the type, a STRUCT, as which DuckDB's `read_json` reads a message."""
        return (
            f"STRUCT({', '.join(f'{name} {kind}' for name, kind in self._list_typed_fields(_DUCKDB_TYPES, 'VARCHAR'))})"
        )

    def _list_typed_fields(
        self, kinds: Mapping[FieldKind, str], default_type: str, leave_out: Iterable[str] = ()
    ) -> list[tuple[str, str]]:
        fields = [MessageField("v", "integer"), *self.fields]
        return [(one.name, kinds.get(one.kind, default_type)) for one in fields if one.name not in set(leave_out)]


def _describe_field(field: MessageField) -> dict[str, Any]:
    kind = _JSON_SCHEMAS[field.kind]
    about = ": ".join(part for part in (field.about, kind.get("description", "")) if part)
    described = kind | ({"description": about} if about else {})
    return {"anyOf": [described, {"type": "null"}]} if field.nullable else described
