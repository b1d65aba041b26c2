"""The one producer: idempotent, lz4, ordered per key, and it never gives up on a message by itself.

With a transactional id it is that id's one writer: `claim` makes the broker refuse whatever a predecessor or a second
process still sends under the id, and end its transaction. Nothing hangs on a commit: readers of this platform take
uncommitted messages, since a message is true once it is delivered, whatever becomes of the transaction. It is
committed once a minute only because the broker aborts what stays open for longer than TIMEOUT_MS, and then refuses this
process too, which is told apart from another writer by the transaction's age: nobody has to be waited for.
Each commit leaves one marker a partition, which takes an offset and is no message; nothing is sent meanwhile. A topic
that is compacted needs a producer without an id: compaction removes the messages of an aborted transaction.

A broker that is unavailable is waited for (no delivery timeout), with a transactional id for TIMEOUT_MS; meanwhile
librdkafka's queue fills to `MAX_MESSAGES` and `send` then blocks, which stops the socket reader, which is what bounds
memory. What the broker refuses for good (a fenced or out-of-sequence producer, a message too large) is fatal: `fatal`
says why and the process must restart, because skipping a message would silently break the id order of the topic.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from whale_platform.broker import connection_errors
from whale_platform.broker.errors import ProducerStoppedError
from whale_platform.broker.naming import add_prefix
from whale_platform.kafka_cluster import KafkaCluster

MAX_MESSAGES = 200_000
MAX_KBYTES = 131_072
COMMIT_S, AGAIN_S = 60.0, 5.0
TIMEOUT_MS = 600_000  # of 900,000 that a broker allows by default
POLL_S, SLICE_S = 0.1, 0.5
DRAIN_S, DRAIN_MOST_S = 0.5, 5.0  # without a delivery before a commit is put off: longer, the longer it is overdue
CLAIM_S = 10.0
LINGER_MS = 3.0  # at 1,000 trades/s half the requests of 1 ms, for a millisecond or two
DeliveryCallback = Callable[[int, int], None]


class TradeProducer:
    """Sends bytes to topics. Thread-safe. `full`: somebody waits for room in the queue, or for a commit.

    `fatal` says why nothing can be sent any more; `fenced`: because another process has claimed the id.
    """

    def __init__(
        self,
        bootstrap: KafkaCluster,
        client_id: str,
        linger_ms: float = LINGER_MS,
        progress: Callable[[], None] = lambda: None,
        writer: str | None = None,
    ) -> None:
        """`progress` is called by the thread that takes delivery reports, ten times a second or more.

        `writer`: what is written is written by one process of that name; nothing can be sent before `claim`.
        """
        self._bootstrap = bootstrap
        self._writer = writer
        one_writer = {"transactional.id": add_prefix(writer), "transaction.timeout.ms": TIMEOUT_MS} if writer else {}
        self._producer = Producer(
            {
                **bootstrap.librdkafka_config(),
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
            | one_writer
        )
        self.fatal: str | None = None
        self.fenced = False
        self.full = False
        self._progress = progress
        self._refusing = False
        self._gate = threading.Lock()
        self._commit_at: float | None = None
        self._begun_at = 0.0  # by the wall's clock, which goes on while the machine sleeps
        self._stop = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="producer-poll", daemon=True)
        self._poller.start()

    def claim(self, timeout_s: float = CLAIM_S) -> None:
        """Be the one writer from now on. Raises BrokerError, which is `fatal` where asking again can't help."""
        if self._commit_at is not None:
            return
        try:
            self._producer.init_transactions(timeout_s)
            self._begin_transaction()
        except KafkaException as error:
            if not error.args[0].retriable():
                self._record_failure(error, f"Kafka refuses the transactional id {add_prefix(self._writer or '')}")
            raise

    def send(self, topic: str, key: bytes, value: bytes) -> None:
        """Queue one message; blocks while the queue is full. Raises ProducerStoppedError."""
        self._send(add_prefix(topic), key, value, self._on_delivery)

    def channel(self, topic: str, key: bytes, on_delivered: DeliveryCallback) -> Callable[[bytes], None]:
        """A `send` for one key; `on_delivered(partition, offset)` is called in sending order, from another thread."""

        name = add_prefix(topic)

        def on_delivery(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self._on_delivery(error, message)
            else:
                on_delivered(message.partition(), message.offset())

        def send(value: bytes) -> None:
            self._send(name, key, value, on_delivery)

        return send

    def depth(self) -> int:
        """Messages queued or in flight, and delivery reports not yet called."""
        return len(self._producer)

    def flush(self, timeout_s: float) -> int:
        """Wait for delivery of what is queued; returns how many messages are still undelivered."""
        try:
            return int(self._producer.flush(timeout_s))
        except _RAISED as error:
            self._record_failure(error)
            return self.depth()

    def refuse(self) -> None:
        """Take nothing more: whoever waits for room in the queue gets ProducerStoppedError."""
        self._refusing = True

    def close(self, timeout_s: float = 5.0) -> int:
        """Flush and stop; returns what was left undelivered (the topic's tail tells the next start where to go on).

        It waits for as long as anything is delivered within `timeout_s`.
        """
        self.refuse()
        left = self._drain(timeout_s)
        self._stop.set()
        self._poller.join(2)
        if left == 0 and self._commit_at is not None and not self.fatal:
            with suppress(KafkaException):  # else the next writer's claim ends it
                self._producer.commit_transaction(timeout_s)
        return left

    def _begin_transaction(self) -> None:
        self._producer.begin_transaction()
        self._begun_at, self._commit_at = time.time(), time.monotonic() + COMMIT_S

    def _drain(self, idle_limit_s: float) -> int:
        """Flush until nothing was delivered for `idle_limit_s`; returns what was left."""
        left, moved_at = self.depth(), time.monotonic()
        while True:
            before, left = left, self.flush(min(SLICE_S, idle_limit_s))
            if left == 0 or self.fatal:
                return left
            if left < before:
                moved_at = time.monotonic()
            elif time.monotonic() - moved_at >= idle_limit_s:
                return left
            self.full = True
            self._progress()

    def _commit(self) -> None:
        """End the transaction and begin the next one, with nothing under way and nothing being sent."""
        with self._gate:
            # 1. What is under way arrives; while the broker is unavailable there is time enough to try again.
            overdue_s = time.time() - self._begun_at - COMMIT_S
            if self._drain(min(DRAIN_MOST_S, max(DRAIN_S, overdue_s / 60))):
                self._commit_at = time.monotonic() + AGAIN_S
                return
            # 2. A commit that was begun can only be gone on with: who has something to send waits for it.
            while not self.fatal and not self._refusing:
                try:
                    self._producer.commit_transaction(SLICE_S)
                    self._begin_transaction()
                    break
                except _RAISED as error:
                    if not isinstance(error, KafkaException) or not error.args[0].retriable():
                        self._record_failure(error)
                self.full = True
                self._progress()
            self.full = False

    def _send(
        self, topic: str, key: bytes, value: bytes, on_delivery: Callable[[KafkaError | None, Message], None]
    ) -> None:
        while True:
            try:
                with self._gate:
                    if self.fatal or self._refusing:
                        raise ProducerStoppedError(self.fatal or "the producer is closed")
                    self._producer.produce(topic, value, key, on_delivery=on_delivery)
                self.full = False
                return
            except BufferError:
                self.full = True
                self._stop.wait(0.005)
            except KafkaException as error:
                if error.args[0].code() != KafkaError._FATAL:
                    self._record_failure(error, f"Kafka can't take a message of {topic}")
                self._stop.wait(0.005)  # what was fatal is told to whoever polls

    def _poll(self) -> None:
        while not self._stop.is_set():
            try:
                self._producer.poll(POLL_S)
            except _RAISED as error:
                self._record_failure(error)
                self._stop.wait(POLL_S)
            self._progress()
            if self._commit_at is not None and time.monotonic() >= self._commit_at and not self.fatal:
                self._commit()

    def _on_delivery(self, error: KafkaError | None, message: Message) -> None:
        if error is not None and error.code() not in _PURGED:
            self._record_failure(error, f"Kafka refused a message of {message.topic()}")

    def _on_error(self, error: KafkaError) -> None:
        connection_errors.note_error(self._bootstrap, error)
        if error.fatal():
            self._record_failure(error)

    def _record_failure(self, error: Exception | KafkaError, description: str = "the Kafka producer is broken") -> None:
        while not isinstance(error, KafkaError) and not isinstance(error, KafkaException) and error.__cause__:
            error = error.__cause__
        reason = error.args[0] if isinstance(error, KafkaException) else error
        ours = self._writer and isinstance(reason, KafkaError) and reason.code() in _FENCED
        if ours and time.time() - self._begun_at > TIMEOUT_MS / 1000:
            self.fatal = (
                f"the broker or this process was unavailable for more than {TIMEOUT_MS / 60_000:g} min, "
                "so the broker has ended the transaction and takes nothing more of it"
            )
        elif ours:
            self.fenced = True
            self.fatal = (
                f"another process has begun as {self._writer} or as one that overlaps it: "
                "Kafka takes nothing more of this one"
            )
        else:
            said = reason.str() if isinstance(reason, KafkaError) else str(reason)
            self.fatal = self.fatal or f"{description}: {said}"


_FENCED = (KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED)
# What had not been sent when the producer became fatal; that is told first.
_PURGED = (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)
# What is fatal is raised by `poll` and `flush`, out of a callback as a SystemError whose cause it is.
_RAISED = (KafkaException, KafkaError, SystemError)
