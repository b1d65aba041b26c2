"""The one producer: idempotent, lz4, ordered per key, and it never gives up on a message by itself.

A broker that is away is waited for (no delivery timeout); meanwhile librdkafka's queue fills to `MAX_MESSAGES` and
`send` then blocks, which stops the socket reader, which is what bounds memory. What the broker refuses for good
(a fenced or out-of-sequence producer, a message too large) is fatal: `fatal` says why and the process must restart,
because skipping a message would silently break the id order of the topic.
"""

import threading
from collections.abc import Callable

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from whale_platform.broker import refusals
from whale_platform.broker.naming import prefixed
from whale_platform.kafka_cluster import KafkaCluster

MAX_MESSAGES = 200_000
MAX_KBYTES = 131_072
Delivered = Callable[[int, int], None]


class ProducerStopped(Exception):
    """Nothing can be sent any more: the producer was closed, or is broken for good (the message says why)."""


class TradeProducer:
    """Sends bytes to topics. Thread-safe. `full`: somebody waits for room in the queue."""

    def __init__(
        self,
        bootstrap: KafkaCluster,
        client_id: str,
        linger_ms: float = 1.0,
        progress: Callable[[], None] = lambda: None,
    ) -> None:
        """`progress` is called by the thread that takes delivery reports, ten times a second or more."""
        self._bootstrap = bootstrap
        self._producer = Producer(
            {
                **bootstrap.librdkafka(),
                "client.id": client_id,
                "enable.idempotence": True,
                "acks": "all",
                "compression.type": "lz4",
                "partitioner": "murmur2_random",
                "linger.ms": linger_ms,
                "message.timeout.ms": 0,
                "queue.buffering.max.messages": MAX_MESSAGES,
                "queue.buffering.max.kbytes": MAX_KBYTES,
                "message.max.bytes": 1_000_000,
                "reconnect.backoff.max.ms": 1_000,
                "log_level": 2,
                "error_cb": self._on_error,
            }
        )
        self.fatal: str | None = None
        self.full = False
        self._progress = progress
        self._refusing = False
        self._stop = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="producer-poll", daemon=True)
        self._poller.start()

    def send(self, topic: str, key: bytes, value: bytes) -> None:
        """Queue one message; blocks while the queue is full. Raises ProducerStopped."""
        self._send(prefixed(topic), key, value, self._on_delivery)

    def channel(self, topic: str, key: bytes, delivered: Delivered) -> Callable[[bytes], None]:
        """A `send` for one key; `delivered(partition, offset)` is called in sending order, from another thread."""

        name = prefixed(topic)

        def on_delivery(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self._on_delivery(error, message)
            else:
                delivered(message.partition(), message.offset())

        def send(value: bytes) -> None:
            self._send(name, key, value, on_delivery)

        return send

    def depth(self) -> int:
        """Messages queued or in flight, and delivery reports not yet called."""
        return len(self._producer)

    def flush(self, timeout_s: float) -> int:
        """Wait for delivery of what is queued; returns how many messages are still undelivered."""
        return int(self._producer.flush(timeout_s))

    def refuse(self) -> None:
        """Take nothing more: whoever waits for room in the queue gets ProducerStopped."""
        self._refusing = True

    def close(self, timeout_s: float = 5.0) -> int:
        """Flush and stop; returns what was left undelivered (the topic's tail tells the next start where to go on).

        It waits for as long as anything is delivered within `timeout_s`.
        """
        self.refuse()
        before, left = self.depth() + 1, self.flush(timeout_s)
        while 0 < left < before:
            before, left = left, self.flush(timeout_s)
        self._stop.set()
        self._poller.join(2)
        return left

    def _send(
        self, topic: str, key: bytes, value: bytes, on_delivery: Callable[[KafkaError | None, Message], None]
    ) -> None:
        while True:
            if self.fatal or self._refusing:
                raise ProducerStopped(self.fatal or "the producer is closed")
            try:
                self._producer.produce(topic, value, key, on_delivery=on_delivery)
                self.full = False
                return
            except BufferError:
                self.full = True
                self._stop.wait(0.005)
            except KafkaException as error:
                self.fatal = f"Kafka can't take a message of {topic}: {error.args[0].str()}"

    def _poll(self) -> None:
        while not self._stop.is_set():
            self._producer.poll(0.1)
            self._progress()

    def _on_delivery(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self.fatal = f"Kafka refused a message of {message.topic()}: {error.str()}"

    def _on_error(self, error: KafkaError) -> None:
        refusals.note(self._bootstrap, error)
        if error.fatal():
            self.fatal = f"the Kafka producer is fenced or broken: {error.str()}"
