"""The way into the broker, counted: what was sent and what is known to be delivered, per key.

Deliveries of one key come in the order of sending, so two counters tell whether everything up to some moment has
arrived; that is what the positions file may rely on. That nobody else writes this share's trades is not checked here:
the producer's claim makes the broker refuse it.
"""

import time
from collections import deque
from collections.abc import Mapping

from whale_platform.broker.producer import TradeProducer
from whale_platform.contracts.raw_trade import encode_trade
from whale_platform.domain.sweep import SweepProgress
from whale_platform.domain.trade import Trade
from whale_platform.ingest.publishing.latency import LatencySamples


class NextOffsets:
    """`next_offsets`: after our last delivered message of each partition; the producer's poll thread alone writes."""

    def __init__(self, next_offsets: Mapping[int, int]) -> None:
        self.next_offsets = dict(next_offsets)

    def record_delivery(self, partition: int, offset: int) -> None:
        """One message of ours has arrived."""
        self.next_offsets[partition] = offset + 1


class TradeSender:
    """One symbol's door to the topic. `send` under the pipeline's lock."""

    def __init__(
        self, producer: TradeProducer, topic: str, key: bytes, ends: NextOffsets, latency: LatencySamples
    ) -> None:
        self.sent = 0
        self.delivered = 0
        self._send = producer.channel(topic, key, self._record_delivery)
        self._ends = ends
        self._latency = latency
        self._samples: deque[tuple[int, int]] = deque()

    def send(self, trade: Trade, sweep: SweepProgress | None = None) -> None:
        """Publish, with its order so far; blocks while the producer is full. Raises ProducerStoppedError."""
        if self._latency.is_due() and trade.source != "repair":
            self._samples.append((self.sent + 1, trade.received_time))
        self._send(encode_trade(trade, sweep))
        self.sent += 1

    def _record_delivery(self, partition: int, offset: int) -> None:
        self._ends.record_delivery(partition, offset)
        self.delivered += 1
        samples = self._samples
        if samples and samples[0][0] <= self.delivered:
            self._latency.add(time.time_ns() / 1e6 - samples.popleft()[1] / 1e3)


class CountedSender:
    """Sends to a small topic with varying keys, counted alike."""

    def __init__(self, producer: TradeProducer, topic: str) -> None:
        self.sent = 0
        self.delivered = 0
        self._producer = producer
        self._topic = topic

    def send(self, key: bytes, value: bytes) -> None:
        """Publish one message. Raises ProducerStoppedError."""
        self._producer.channel(self._topic, key, self._record_delivery)(value)
        self.sent += 1

    def _record_delivery(self, partition: int, offset: int) -> None:
        self.delivered += 1
