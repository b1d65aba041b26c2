"""Column schemas for the lineage: of tables from the database itself, of topics from the types of their messages."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import UnionType
from typing import Any, get_args, get_type_hints

import dagster as dg

from whale_platform.domain.names import INGEST_GAPS, RAW_TRADES, TRADE_WINDOWS, WHALE_ALERTS
from whale_platform.domain.trade import Trade
from whale_platform.lake.delta import schema
from whale_platform.stores.queries import columns
from whale_platform.stores.stream_tables.rows import GapRow, WhaleRow, WindowRow

# Kafka's own timestamp is not in the message; who wrote a row is not either, and its place has shorter names there.
_NOT_SAID = {"updated_at", "detected_time", "made_from", "topic_partition", "topic_offset"}
_PLACE = {"partition": int, "offset": int}
_DERIVED = {"v": int, "notional": str, "notional_usd": str | None, "usd_via": str | None}
_GAP_IDS = {"absent": list, "kept": list, "beyond": list, "note": str, "until": int}  # in the message alone
_MESSAGES: dict[str, Mapping[str, Any]] = {
    RAW_TRADES: {**get_type_hints(Trade), **_DERIVED},
    TRADE_WINDOWS: {"v": int, **get_type_hints(WindowRow), "last_received_time": int, **_PLACE},
    WHALE_ALERTS: {"v": int, **get_type_hints(WhaleRow), **_PLACE},
    INGEST_GAPS: {"v": int, **get_type_hints(GapRow), **_GAP_IDS},
}


def describe_topic(topic: str) -> dg.TableSchema | None:
    """The JSON object of a topic's messages; None where it is not known here."""
    fields = _MESSAGES.get(topic)
    return (
        None if fields is None else _schema(_json(name, kind) for name, kind in fields.items() if name not in _NOT_SAID)
    )


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


def _schema(found: Iterable[dg.TableColumn]) -> dg.TableSchema:
    return dg.TableSchema(list(found))


def _json(name: str, kind: Any) -> dg.TableColumn:
    kinds = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    if datetime in kinds or name.endswith("_time") or name == "until":
        words, means = "integer", "microseconds since the epoch, UTC"
    elif int in kinds:
        words, means = "integer", None
    elif list in kinds:
        words, means = "array", "runs of trade ids, each as [first, last]"
    elif bool in kinds:
        words, means = "boolean", None
    else:
        words, means = "string", None
    return dg.TableColumn(name, words, means, dg.TableColumnConstraints(nullable=type(None) in kinds))
