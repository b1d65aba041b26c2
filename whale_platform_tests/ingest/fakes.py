"""A producer that remembers what it was given, and a pipeline before it."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, cast

from whale_platform.broker.errors import ProducerStoppedError
from whale_platform.broker.producer import DeliveryCallback, TradeProducer
from whale_platform.contracts.raw_trade import decode_trade
from whale_platform.domain.names import DEAD_LETTERS, INGEST_GAPS, RAW_TRADES
from whale_platform.domain.trade import Trade
from whale_platform.exchanges.base import Exchange
from whale_platform.ingest.publishing.delivery import NextOffsets
from whale_platform.ingest.publishing.latency import LatencySamples
from whale_platform.ingest.publishing.pipeline import Pipeline
from whale_platform.ingest.transport.exchange_clock import NO_LEAD, ClockLead


class RecordingProducer:
    """Delivers at once. Without `room`, `send` blocks and sets `waited`; `refusing` throws the waiting out."""

    def __init__(self) -> None:
        self.fatal: str | None = None
        self.sent: dict[str, list[bytes]] = {RAW_TRADES: [], DEAD_LETTERS: [], INGEST_GAPS: []}
        self.room = threading.Event()
        self.room.set()
        self.waited = threading.Event()
        self.refusing = False

    def send(self, topic: str, key: bytes, value: bytes) -> None:
        while not self.room.wait(0.01):
            self.waited.set()
            if self.refusing:
                raise ProducerStoppedError("closed")
        if self.refusing:
            raise ProducerStoppedError("closed")
        self.sent[topic].append(value)

    def channel(self, topic: str, key: bytes, delivered: DeliveryCallback) -> Callable[[bytes], None]:
        def send(value: bytes) -> None:
            self.send(topic, key, value)
            delivered(0, len(self.sent[topic]) - 1)

        return send

    def trades(self) -> list[Trade]:
        return [decode_trade(value) for value in self.sent[RAW_TRADES]]

    def ids(self, symbol: str) -> list[int]:
        return [trade.trade_id for trade in self.trades() if trade.symbol == symbol]


class Log:
    """Says nothing, binds everything."""

    def bind(self, **_: object) -> Any:
        return self

    def info(self, *_: object, **__: object) -> None:
        pass

    warning = error = info


def pipeline(
    exchange: Exchange,
    symbols: Sequence[str],
    producer: RecordingProducer,
    lead: Callable[[], ClockLead | None] = lambda: NO_LEAD,
) -> Pipeline:
    """A pipeline that has seen nothing yet."""
    sender = cast(TradeProducer, producer)
    return Pipeline(exchange, symbols, sender, sender, NextOffsets({0: 0}), {}, LatencySamples(), lead)
