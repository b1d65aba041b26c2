"""Finds a trade in topic `raw_crypto_trades`, with the trades of its symbol beside it.

A whale knows its offset, and a few thousand messages around that are read. One of before it did, or whose topic was
recreated, is found by the time at which it was received: its message was produced then, or soon after. What Kafka no
longer has, or can't be read now, is said as a sentence, never as an error: the rest of a whale's context does not
depend on it.
"""

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from whale_platform.api.http.responses import format_time
from whale_platform.broker.connection_errors import explain_unavailable
from whale_platform.broker.errors import BrokerError, OffsetExpiredError
from whale_platform.broker.naming import add_prefix
from whale_platform.broker.reader import KafkaRecord, TopicReader
from whale_platform.broker.topics import is_reachable
from whale_platform.contracts import raw_trade, raw_trade_looks
from whale_platform.domain.decimal_text import format_decimal
from whale_platform.domain.names import RAW_TRADES
from whale_platform.domain.trade import EXACT, Trade
from whale_platform.kafka_cluster import KafkaCluster

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEIGHBOURS = 20
NEAR_OFFSETS = 2_000  # offsets
BEFORE_MS, AFTER_MS = 10_000, 20_000
DEADLINE_S, ANSWER_S = 3.0, 2.0


@dataclass(slots=True)
class TradeLocation:
    """place: {topic, partition, offset, timestamp}; missing: why there is none; around: trades of the symbol."""

    place: dict[str, Any] | None = None
    missing: str | None = None
    around: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class WhaleTrades:
    """The trade that a whale is, or of a sweep its newest fill with the id of its first one."""

    trade_id: int
    sweep_first_id: int | None

    def contains(self, trade: Trade) -> bool:
        """Return whether `trade` is of the whale: by its id where ids are dense, else by the order that it names."""
        if self.sweep_first_id is None or trade.trade_id == self.trade_id:
            return trade.trade_id == self.trade_id
        if trade.dense:
            return self.sweep_first_id <= trade.trade_id < self.trade_id
        first_id = trade.trade_id if trade.sweep is None else trade.sweep.first_id
        return first_id == self.sweep_first_id


def find_trade(
    bootstrap: KafkaCluster,
    exchange: str,
    symbol: str,
    trade_id: int,
    received: datetime,
    known: tuple[int, int] | None = None,
    sweep_first_id: int | None = None,
) -> TradeLocation:
    """Ask Kafka; looking through what it has takes `DEADLINE_S` at most, each question before that `ANSWER_S`.

    `known`: partition and offset, where the whale has them; the answer has them too, also where Kafka has nothing.
    `sweep_first_id`: of a sweep the id of its first fill; `trade_id` is that of its newest then.
    """
    found = _find(bootstrap, exchange, symbol, WhaleTrades(trade_id, sweep_first_id), received, known)
    if found.place is None and known is not None:
        found.place = {"topic": add_prefix(RAW_TRADES), "partition": known[0], "offset": known[1], "timestamp": None}
    return found


def _find(
    bootstrap: KafkaCluster,
    exchange: str,
    symbol: str,
    whale: WhaleTrades,
    received: datetime,
    known: tuple[int, int] | None,
) -> TradeLocation:
    deadline = time.monotonic() + DEADLINE_S
    if not is_reachable(bootstrap, ANSWER_S):
        return TradeLocation(missing=f"{explain_unavailable(bootstrap)}: ask again when it is back")
    begins = raw_trade_looks.build_symbol_prefixes(exchange, symbol)
    reader = TopicReader(bootstrap, "whale-api-origin", fetch_wait_ms=50, timeout_s=ANSWER_S)
    try:
        if known is not None:
            records = _read_near(reader, *known, deadline)
            found = _pick((one for one in records if one.value and one.value.startswith(begins)), whale)
            if found is not None:
                return found
        for partition in reader.list_partitions(RAW_TRADES):
            records = _read_received_about(reader, partition, int(received.timestamp() * 1000), deadline)
            found = _pick((one for one in records if one.value and one.value.startswith(begins)), whale)
            if found is not None:
                return found
    except TimeoutError:
        return TradeLocation(missing=f"it was not found within {DEADLINE_S:g} s: ask again when Kafka has less to do")
    except (BrokerError, OffsetExpiredError) as error:
        return TradeLocation(missing=f"Kafka can't be read: {error}")
    finally:
        reader.close()
    return TradeLocation(missing="Kafka no longer has the trade: it is kept for a week there, and in the lake for good")


def _read_near(reader: TopicReader, partition: int, offset: int, deadline: float) -> Iterator[KafkaRecord]:
    """Yield the records around `offset`. Raises TimeoutError."""
    low, end = reader.bounds(RAW_TRADES, partition)
    if low <= offset < end:
        reader.assign({(RAW_TRADES, partition): max(low, offset - NEAR_OFFSETS)})
        yield from _read_until(reader, partition, min(end, offset + NEAR_OFFSETS), deadline)


def _read_until(reader: TopicReader, partition: int, end: int, deadline: float) -> Iterator[KafkaRecord]:
    while not reader.done(RAW_TRADES, partition, end):
        if time.monotonic() > deadline:
            raise TimeoutError
        for record in reader.poll(5_000, 0.2):
            if record.offset >= end:
                return
            yield record


def _read_received_about(
    reader: TopicReader, partition: int, received_ms: int, deadline: float
) -> Iterator[KafkaRecord]:
    """Yield the records that Kafka received about `received_ms`. Raises TimeoutError."""
    place = reader.find_offset(RAW_TRADES, partition, received_ms - BEFORE_MS)
    end = reader.bounds(RAW_TRADES, partition)[1]
    reader.assign({(RAW_TRADES, partition): place})
    for record in _read_until(reader, partition, end, deadline):
        if record.timestamp_ms > received_ms + AFTER_MS:
            return
        yield record


def _pick(records: Iterator[KafkaRecord], whale: WhaleTrades) -> TradeLocation | None:
    before: deque[dict[str, Any]] = deque(maxlen=NEIGHBOURS)
    for record in records:
        trade = raw_trade.decode_trade(record.value or b"")
        if trade.trade_id == whale.trade_id:
            place = {"topic": add_prefix(RAW_TRADES), "partition": record.partition, "offset": record.offset}
            timestamp = format_time(EPOCH + timedelta(milliseconds=record.timestamp_ms))
            after = [
                _build_trade_entry(one, raw_trade.decode_trade(one.value or b""), whale)
                for one in islice(records, NEIGHBOURS)
            ]
            here = _build_trade_entry(record, trade, whale)
            return TradeLocation(place | {"timestamp": timestamp}, None, [*before, here, *after])
        before.append(_build_trade_entry(record, trade, whale))
    return None


def _build_trade_entry(record: KafkaRecord, trade: Trade, whale: WhaleTrades) -> dict[str, Any]:
    return {
        "trade_id": trade.trade_id,
        "side": trade.side,
        "price": format_decimal(trade.price),
        "quantity": format_decimal(trade.quantity),
        "notional": format_decimal(EXACT.multiply(trade.price, trade.quantity)),
        "event_time": format_time(EPOCH + timedelta(microseconds=trade.event_time)),
        "offset": record.offset,
        "in_whale": whale.contains(trade),
    }
