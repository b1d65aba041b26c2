"""Column schemas tell the truth: topics as their messages are, tables as the database says."""

import json
from decimal import Decimal

import dagster as dg
import pytest

from whale_platform.defs.lineage import column_schemas
from whale_platform.domain.names import DEAD_LETTERS, INGEST_GAPS, RAW_TRADES, TRADE_WINDOWS, WHALE_ALERTS
from whale_platform.domain.raw_trade import encode_trade
from whale_platform.domain.trade import Trade
from whale_platform.ingest.sequencing.gap import SequenceGap, encode_gap
from whale_platform_tests.sink.messages import MESSAGES

KINDS = {"string": str, "integer": int, "boolean": bool, "array": list}
GAP = json.loads(
    encode_gap("binance", "BTCUSDT", SequenceGap(12, 20, "reconnect", 1, closed_time=2, absent=[(15, 15)]))
)


def kinds(schema: dg.TableSchema | None) -> dict[str, str]:
    assert schema is not None
    return {column.name: column.type for column in schema.columns}


def test_the_raw_topics_columns_are_those_of_a_real_message() -> None:
    trade = Trade("binance", "BTCUSDT", "BTC", "USDT", 7, Decimal("1.5"), Decimal(2), "buy", 1, 2, taker_order_id="x")
    message = json.loads(encode_trade(trade))
    told = kinds(column_schemas.describe_topic(RAW_TRADES))
    assert told.keys() == message.keys()
    assert {name: KINDS[kind] for name, kind in told.items()} == {name: type(value) for name, value in message.items()}


@pytest.mark.parametrize("topic", [TRADE_WINDOWS, WHALE_ALERTS, INGEST_GAPS])
def test_a_topics_columns_are_those_of_the_messages_that_the_sink_reads(topic: str) -> None:
    told, message = kinds(column_schemas.describe_topic(topic)), GAP if topic == INGEST_GAPS else MESSAGES[topic]
    assert told.keys() == message.keys()
    wrong = [name for name, value in message.items() if value is not None and not isinstance(value, KINDS[told[name]])]
    assert wrong == []


def test_what_is_not_known_has_no_columns() -> None:
    assert column_schemas.describe_topic(DEAD_LETTERS) is None


def test_a_tables_columns_come_from_the_database_with_their_comments(database: str) -> None:
    told = {column.name: column for column in column_schemas.describe_table(database, "hourly_rollups").columns}
    assert told["hour"].type == "timestamp with time zone"
    assert told["hour"].description == "first instant of the hour"
    assert not told["hour"].constraints.nullable
    assert column_schemas.describe_table(database, "nothing_like_it").columns == []
