"""A consumer of raw trades as an engineer writes it by hand: msgspec, COPY and upsert, offsets beside the rows.

What a batch adds to each window is added to the row by SQL, in the transaction that stores the offsets: nothing is kept
in memory between two batches, so it may be killed at any moment. It runs in an environment of its own, and imports
nothing of the platform. What goes wrong ends it.
"""

import os
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import psycopg
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

BATCH, WAIT_S = 50_000, 0.01
WINDOW_US = 60_000_000
NOTHING = Decimal(0)
COLUMNS = (
    "exchange, symbol, window_start, open, high, low, close, price_sum, volume, notional, buy_volume, trade_count, "
    "first_trade_id, last_trade_id, last_event_time"
)
PREPARE = """
CREATE TABLE IF NOT EXISTS handwritten_offsets (
    topic text, partition integer, next_offset bigint, PRIMARY KEY (topic, partition)
);
CREATE TEMP TABLE staged (LIKE {table}) ON COMMIT DELETE ROWS
"""
ADD = """
INSERT INTO {table} AS t ({columns}) SELECT {columns} FROM staged
ON CONFLICT (exchange, symbol, window_start) DO UPDATE SET
    open = CASE WHEN excluded.first_trade_id < t.first_trade_id THEN excluded.open ELSE t.open END,
    close = CASE WHEN excluded.last_trade_id > t.last_trade_id THEN excluded.close ELSE t.close END,
    high = greatest(t.high, excluded.high), low = least(t.low, excluded.low),
    price_sum = t.price_sum + excluded.price_sum, volume = t.volume + excluded.volume,
    notional = t.notional + excluded.notional, buy_volume = t.buy_volume + excluded.buy_volume,
    trade_count = t.trade_count + excluded.trade_count,
    first_trade_id = least(t.first_trade_id, excluded.first_trade_id),
    last_trade_id = greatest(t.last_trade_id, excluded.last_trade_id),
    last_event_time = greatest(t.last_event_time, excluded.last_event_time)
"""
STORE_OFFSETS = """
INSERT INTO handwritten_offsets VALUES (%s, %s, %s)
ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset
"""


class RawTrade(msgspec.Struct):  # type: ignore[misc]
    """What a window needs of a message."""

    exchange: str
    symbol: str
    trade_id: int
    price: Decimal
    quantity: Decimal
    side: str
    event_time: int


Sums = dict[tuple[str, str, int], list[Any]]


def add_up(messages: list[Any], decoder: Any) -> tuple[Sums, dict[int, int]]:
    """What messages add to each window, in the order of the columns after the key; the next offset by partition."""
    sums: Sums = {}
    offsets: dict[int, int] = {}
    for message in messages:
        if message.error() is not None:
            raise SystemExit(str(message.error()))
        trade = decoder.decode(message.value())
        offsets[message.partition()] = message.offset() + 1
        identity, price, quantity, at = trade.trade_id, trade.price, trade.quantity, trade.event_time
        bought = quantity if trade.side == "buy" else NOTHING
        key = (trade.exchange, trade.symbol, at // WINDOW_US)
        one = sums.get(key)
        if one is None:
            sums[key] = [
                *(price, price, price, price, price, quantity, price * quantity, bought, 1, identity, identity, at)
            ]
            continue
        if identity < one[9]:
            one[0], one[9] = price, identity
        if identity > one[10]:
            one[3], one[10] = price, identity
        if price > one[1]:
            one[1] = price
        if price < one[2]:
            one[2] = price
        one[4] += price
        one[5] += quantity
        one[6] += price * quantity
        one[7] += bought
        one[8] += 1
        if at > one[11]:
            one[11] = at
    return sums, offsets


def store(connection: Any, table: str, topic: str, sums: Sums, offsets: dict[int, int]) -> None:
    """Add sums and offsets in one transaction."""
    with connection.transaction(), connection.cursor() as cursor:
        with cursor.copy(f"COPY staged ({COLUMNS}) FROM STDIN") as copy:
            for (exchange, symbol, minute), values in sums.items():
                start = datetime.fromtimestamp(minute * 60, UTC)
                copy.write_row((exchange, symbol, start, *values))
        cursor.execute(ADD.format(table=table, columns=COLUMNS))
        cursor.executemany(STORE_OFFSETS, [(topic, part, offset) for part, offset in offsets.items()])


def main() -> None:
    """Consume until killed."""
    kafka, dsn, table, topic = (os.environ[f"PEER_{name}"] for name in ("KAFKA", "DSN", "TABLE", "TOPIC"))
    connection = psycopg.connect(dsn, autocommit=True)
    connection.execute(PREPARE.format(table=table))
    query = "SELECT partition, next_offset FROM handwritten_offsets WHERE topic = %s"
    known = dict(connection.execute(query, (topic,)).fetchall())
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "handwritten", "enable.auto.commit": False})
    partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
    consumer.assign([TopicPartition(topic, part, known.get(part, OFFSET_BEGINNING)) for part in partitions])
    decoder = msgspec.json.Decoder(RawTrade)
    while True:
        if messages := consumer.consume(BATCH, WAIT_S):
            store(connection, table, topic, *add_up(messages, decoder))


if __name__ == "__main__":
    main()
