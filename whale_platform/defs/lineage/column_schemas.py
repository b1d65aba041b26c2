"""Column schemas for the lineage: of tables from the database itself, of topics from their contracts."""

from collections.abc import Iterable

import dagster as dg

from whale_platform.contracts.catalogue import CONTRACTS
from whale_platform.contracts.message_contract import MessageField
from whale_platform.embedded.dagster import is_platform_dagster
from whale_platform.lake.delta import schema
from whale_platform.settings import Settings
from whale_platform.stores.errors import PostgresUnusableError
from whale_platform.stores.queries import columns

_TYPES = {"integer": "integer", "time": "integer", "boolean": "boolean", "ranges": "array"}  # else string


def describe_topic(topic: str) -> dg.TableSchema:
    """The JSON object of a topic's messages."""
    contract = CONTRACTS[topic]
    version = () if contract.version is None else (MessageField("v", "integer", "version of the message"),)
    return _schema(map(_column, (*version, *contract.fields)))


def describe_lake() -> dg.TableSchema:
    """The lake's table of trades."""
    return _schema(
        dg.TableColumn(one.name, one.duck.lower(), one.comment) for one in (*schema.COLUMNS, *schema.PARTITION_COLUMNS)
    )


def describe_table(dsn: str, table: str) -> dg.TableSchema:
    """As the database describes it. Raises as `columns` does."""
    return _schema(
        dg.TableColumn(one.name, one.kind, one.comment or None, dg.TableColumnConstraints(nullable=one.nullable))
        for one in columns.read_columns(dsn, table)
    )


def read_table_schema(settings: Settings, table: str) -> dg.TableSchema | None:
    """As the database describes it; None where this is not the platform's own Dagster, or the database is
    unavailable."""
    if not is_platform_dagster():
        return None
    try:
        return describe_table(settings.dsn("dagster"), table)
    except (PostgresUnusableError, OSError):
        return None


def _schema(columns: Iterable[dg.TableColumn]) -> dg.TableSchema:
    return dg.TableSchema(list(columns))


def _column(field: MessageField) -> dg.TableColumn:
    unit = "microseconds since the epoch, UTC" if field.kind == "time" else ""
    about = "; ".join(part for part in (field.about, unit) if part)
    constraints = dg.TableColumnConstraints(nullable=field.nullable or field.optional)
    return dg.TableColumn(field.name, _TYPES.get(field.kind, "string"), about or None, constraints)
