"""What is counted on the way into the broker."""

from collections.abc import Callable
from typing import cast

import pytest

from whale_platform.broker.producer import DeliveryCallback, TradeProducer
from whale_platform.contracts.raw_trade import decode_trade
from whale_platform.domain.names import INGEST_GAPS, RAW_TRADES
from whale_platform.ingest.publishing.delivery import CountedSender, NextOffsets, TradeSender
from whale_platform.ingest.publishing.latency import LatencySamples
from whale_platform_tests.ingest.builders import trade


class Broker:
    """Takes messages at once and acknowledges them when told."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self._waiting: list[DeliveryCallback] = []

    def channel(self, topic: str, key: bytes, delivered: DeliveryCallback) -> Callable[[bytes], None]:
        def send(value: bytes) -> None:
            self.taken.append(value)
            self._waiting.append(delivered)

        return send

    def acknowledge(self, partition: int, offset: int) -> None:
        self._waiting.pop(0)(partition, offset)


def outlet(broker: Broker, ends: NextOffsets, latency: LatencySamples | None = None) -> TradeSender:
    return TradeSender(cast(TradeProducer, broker), RAW_TRADES, b"binance:BTCUSDT", ends, latency or LatencySamples())


def test_sent_and_delivered_are_counted_apart() -> None:
    broker, ends = Broker(), NextOffsets({3: 70})
    door = outlet(broker, ends)
    for number in (1, 2, 3):
        door.send(trade(number))
    assert [decode_trade(value).trade_id for value in broker.taken] == [1, 2, 3]
    assert (door.sent, door.delivered) == (3, 0)
    broker.acknowledge(3, 70)
    broker.acknowledge(3, 71)
    assert (door.sent, door.delivered) == (3, 2)
    assert ends.next_offsets == {3: 72}


def test_the_ledger_is_counted_alike_whatever_the_key() -> None:
    broker = Broker()
    ledger = CountedSender(cast(TradeProducer, broker), INGEST_GAPS)
    ledger.send(b"one", b"1")
    ledger.send(b"two", b"2")
    broker.acknowledge(0, 0)
    assert (broker.taken, ledger.sent, ledger.delivered) == ([b"1", b"2"], 2, 1)


def test_the_latency_is_of_the_trade_that_arrived_and_never_of_a_repair(monkeypatch: pytest.MonkeyPatch) -> None:
    broker, ends, latency = Broker(), NextOffsets({0: 0}), LatencySamples()
    door = outlet(broker, ends, latency)
    received = trade(1).received_time
    monkeypatch.setattr("time.time_ns", lambda: received * 1000 + 250_000_000)
    door.send(trade(1))
    door.send(trade(2, source="repair"))
    door.send(trade(3)._replace(received_time=received + 100_000))
    broker.acknowledge(0, 0)
    assert [value for value, _ in latency.recent()] == pytest.approx([250])
    broker.acknowledge(0, 1)
    assert len(latency.recent()) == 1
    broker.acknowledge(0, 2)
    assert [value for value, _ in latency.recent()] == pytest.approx([250, 150])
