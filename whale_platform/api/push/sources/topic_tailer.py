"""A thread that tails topics from their ends and passes what it reads to the event loop, one batch a poll.

It keeps its own offsets. A broker that is unavailable is waited for and told (`on_state`); recreated topics are read
from their start. An offset that has expired is told by `on_gap` with the range, then reading goes on at the earliest.
While the loop has not taken the last batch nothing is polled: what waits, waits in Kafka, not here.
"""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from whale_platform.broker import connection_errors, topics
from whale_platform.broker.errors import BrokerError, BrokerUnavailableError, OffsetExpiredError, describe_broker_error
from whale_platform.broker.reader import KafkaRecord, TopicReader
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.sink.resume_offsets import TopicIdentity
from whale_platform.sink.topic_watch import TopicWatch

MAX_RECORDS = 20_000
POLL_S = 0.2
FETCH_WAIT_MS = 100
FETCH_MIN_BYTES = 64_000  # with a tick: one fetch a tick, where each message that comes would cost one
CAP_WAIT_S = 2.0
LAG_EVERY_S = 1.0
log = structlog.get_logger().bind(part="tail")
OffsetsByPartition = dict[tuple[str, int], int]


@dataclass(frozen=True, slots=True)
class TailStart:
    """Where a reading begins. ids: topic ids by name; ends: the topics' ends as they were then."""

    ids: dict[str, str]
    offsets: OffsetsByPartition
    ends: OffsetsByPartition


@dataclass(frozen=True, slots=True)
class TailCallbacks:
    """What is called in the event loop. `prepare` is called in the thread and makes the batch of the records."""

    on_start: Callable[[TailStart], None]
    prepare: Callable[[list[KafkaRecord]], object]
    on_batch: Callable[[object], None]
    on_gap: Callable[[str, str], None]
    on_state: Callable[[str, str], None]


class TopicTailer:
    """Tails `names`. back: how many messages before a topic's end it begins; tick_s: least time between polls."""

    def __init__(
        self,
        bootstrap: KafkaCluster,
        names: Sequence[str],
        callbacks: TailCallbacks,
        messages_back: int = 0,
        tick_s: float = 0.0,
    ) -> None:
        self._bootstrap, self._names, self._callbacks = bootstrap, list(names), callbacks
        self._messages_back, self.tick_s = messages_back, tick_s
        self._stop = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name=f"tail-{names[0]}", daemon=True)
        self._ids: dict[str, str] = {}
        self._offsets: OffsetsByPartition = {}
        self._state = ("starting", "")
        self.lag = 0
        self.messages = 0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin; everything is handed to `loop`."""
        self._loop = loop
        self._thread.start()

    def stop(self) -> None:
        """End; does not wait for the thread, which may be in a call to the broker."""
        self._stop.set()

    def join(self, timeout_s: float) -> None:
        """Wait for its end."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                self._read()
                failures = 0
            except BrokerError as error:
                self._report_state("waiting", f"waiting for Kafka: {describe_broker_error(error)}")
            except OffsetExpiredError as error:
                self._report_state("waiting", f"offsets have expired: {error}")
            failures += 1
            self._stop.wait(min(CAP_WAIT_S, 0.1 * 2.0 ** min(failures, 8)) * random.uniform(0.5, 1.0))

    def _identify(self) -> TopicIdentity:
        if not topics.is_reachable(self._bootstrap, 2.0):
            raise BrokerUnavailableError(connection_errors.explain_unavailable(self._bootstrap))
        found = topics.describe_topics(self._bootstrap, self._names)
        if missing := [name for name in self._names if name not in found]:
            raise BrokerUnavailableError(f"there is no topic {', '.join(missing)}")
        return TopicIdentity("", found)

    def _read(self) -> None:
        known = self._identify()
        least = FETCH_MIN_BYTES if self.tick_s else 1
        reader = TopicReader(self._bootstrap, "whale-live", FETCH_WAIT_MS, fetch_min_bytes=least)
        try:
            start = self._start(known, reader)
            self._call_in_loop(lambda: self._callbacks.on_start(start))
            reader.assign(start.offsets)
            self._report_state("ready", "")
            watch = TopicWatch(self._identify, known)
            try:
                self._poll(reader, watch)
            finally:
                watch.stop()
        finally:
            reader.close()

    def _poll(self, reader: TopicReader, watch: TopicWatch) -> None:
        lag_at = 0.0
        while not self._stop.is_set() and not watch.changed:
            began = time.monotonic()
            records = reader.poll(MAX_RECORDS, POLL_S)
            if records:
                self.messages += len(records)
                self._deliver_batch(records)
                for record in records:
                    self._offsets[record.topic, record.partition] = record.offset + 1
            if began >= lag_at:
                lag_at = began + LAG_EVERY_S
                ends = {part: reader.known_end(*part) or 0 for part in self._offsets}
                self.lag = sum(max(0, ends[part] - place) for part, place in self._offsets.items())
                self._report_state("waiting" if watch.trouble else "ready", watch.trouble)
            self._stop.wait(max(0.0, self.tick_s - (time.monotonic() - began)))

    def _deliver_batch(self, records: list[KafkaRecord]) -> None:
        try:
            batch = self._callbacks.prepare(records)
        except Exception:  # one message that nobody thought of must not end the push, nor be met again for ever
            log.exception("messages left out", topics=self._names, count=len(records))
            for topic in {record.topic for record in records}:
                self._call_in_loop(partial(self._callbacks.on_gap, topic, "a message could not be understood"))
            return
        self._call_in_loop(lambda: self._callbacks.on_batch(batch))

    def _start(self, known: TopicIdentity, reader: TopicReader) -> TailStart:
        first = not self._ids
        ids = {name: info.topic_id for name, info in known.topics.items()}
        places, ends, losses = OffsetsByPartition(), OffsetsByPartition(), list[tuple[str, str]]()
        for name, info in known.topics.items():
            for partition in range(info.partitions):
                low, high = reader.bounds(name, partition)
                held = self._offsets.get((name, partition)) if self._ids.get(name) == ids[name] else None
                place = max(low, high - self._messages_back) if first else low if held is None else held
                if held is not None and not low <= held <= high:
                    place = low
                    losses.append(
                        (name, f"offset {held} of partition {partition} has expired: reading continues at {low}")
                    )
                places[name, partition], ends[name, partition] = place, high
            if not first and self._ids.get(name) != ids[name]:
                losses.append((name, "the topic was recreated"))
        self._ids, self._offsets = ids, dict(places)
        for name, why in losses:
            self._call_in_loop(partial(self._callbacks.on_gap, name, why))
        return TailStart(ids, places, ends)

    def _report_state(self, state: str, detail: str) -> None:
        if self._state != (state, detail):
            self._state = (state, detail)
            self._call_in_loop(lambda: self._callbacks.on_state(state, detail))

    def _call_in_loop(self, work: Callable[[], None]) -> None:
        """Run `work` in the loop and wait until it has."""
        assert self._loop is not None
        taken = threading.Event()

        def run() -> None:
            try:
                work()
            finally:
                taken.set()

        try:
            self._loop.call_soon_threadsafe(run)
        except RuntimeError:  # the loop is closed
            self._stop.set()
        while not taken.wait(0.2) and not self._stop.is_set():
            pass
