"""How far each query has emitted, by three witnesses, none of which costs more than a few requests a second.

The checkpoint's files say what whole batches have done. Windows carry the offset of their newest trade, so the newest
messages of `trade_windows` say what real-time mode has put out within a batch, wherever its executors are. Alerts are
rare, so for whales the Kafka consumers in the driver's JVM are asked; with executors elsewhere, where nobody can ask
them, the query itself writes each few offsets to `stream_positions`.
"""

import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from math import inf
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from whale_platform.broker.errors import BrokerError, OffsetExpiredError
from whale_platform.broker.naming import add_prefix
from whale_platform.broker.reader import KafkaRecord, TopicReader
from whale_platform.broker.topic_offsets import OffsetRanges
from whale_platform.contracts.raw_trade_looks import peek_event_time
from whale_platform.contracts.stream_position import peek_position
from whale_platform.domain.names import RAW_TRADES
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.storage.folders import Folder
from whale_platform.stream.query import checkpoints

MAX_MARKERS = 65  # of transactions that may follow one upon the other: one of each ingester that shares the symbols
MAX_READ = 2_000  # messages a partition and look: the newest, where there are more
READ_S, PATIENT_S = 1.0, 30.0
NAMES_EVERY_S = 10.0


class CommittedOffsets:
    """{partition: next offset} of a checkpoint's last finished batch, read again only where there is a newer one."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self.batch: int | None = None
        self._places: dict[int, int] = {}

    def read(self) -> dict[int, int]:
        """Empty before the first batch has finished, or while its files can't be read."""
        with suppress(OSError, ValueError, IndexError):
            newest = checkpoints.find_last_batch(self._folder)
            if newest is not None and newest != self.batch:
                self._places = checkpoints.read_batch_ends(self._folder, newest)
                self.batch = newest
        return self._places


class TopicProbe:
    """Short looks at the topics through one consumer that fetches nothing between them. Not thread-safe."""

    def __init__(self, bootstrap: KafkaCluster, run_id: str) -> None:
        self._reader = TopicReader(bootstrap, "stream-lag", fetch_wait_ms=100)
        self._run_id = run_id.encode()
        self._read: dict[str, dict[int, int]] = {}
        self._emitted: dict[str, dict[int, int]] = {}
        self._stamps: dict[tuple[int, int], float] = {}
        self._read_whole: set[int] = set()
        self._seen: dict[int, int] = {}
        self._trade_ends: dict[int, tuple[int, int]] = {}

    def find_trade_ends(self, edges: OffsetRanges) -> dict[int, int]:
        """{raw partition: offset after its last trade}; `edges`: of the raw topic, whose ends count markers too.

        Looked up only where a partition has not grown since the last look, or at the first: else the end is that.
        """
        idle = {
            part: (max(start, end - MAX_MARKERS), end)
            for part, (start, end) in edges.items()
            if self._seen.get(part, end) == end and self._trade_ends.get(part, (-1, 0))[0] != end
        }
        self._seen = {part: end for part, (_, end) in edges.items()}
        found = {part: start for part, (start, _) in idle.items()}
        for record in self._read_between(RAW_TRADES, idle):
            found[record.partition] = record.offset + 1
        for part, (_, end) in idle.items():
            if idle[part][0] == end or part in self._read_whole:
                self._trade_ends[part] = (end, found[part])
        known = {part: self._trade_ends.get(part, (-1, 0)) for part in edges}
        return {part: known[part][1] if known[part][0] == end else end for part, (_, end) in edges.items()}

    def read_emitted(self, topic: str, edges: OffsetRanges) -> dict[int, int]:
        """{raw partition: offset after the newest trade that this run has put out}, by what `topic` says.

        topic: `trade_windows` or `stream_positions`; `edges`: its own. The first look only notes where it ends.
        """
        read = self._read.setdefault(topic, {part: end for part, (_, end) in edges.items()})
        emitted = self._emitted.setdefault(topic, {})
        for part, (_, end) in edges.items():  # a recreated topic ends earlier
            read[part] = min(read.get(part, end), end)
        new = {part: (read[part], end) for part, (_, end) in edges.items() if end > read[part]}
        for record in self._read_between(topic, new):
            read[record.partition] = record.offset + 1  # what a slow broker has not given is asked for again
            if (found := peek_position(record.value or b"")) and found[2] == self._run_id:
                part, offset, _ = found
                emitted[part] = max(offset + 1, emitted.get(part, 0))
        return emitted

    def reset_emitted(self, topic: str, ends: Mapping[int, int]) -> None:
        """What comes from `ends` on counts: the query restarts, and reads some of it again."""
        self._read[topic], self._emitted[topic] = dict(ends), {}

    def trade_age_s(self, part: int, offset: int) -> float | None:
        """Seconds since that raw trade was produced; None where it can't be read."""
        if (part, offset) not in self._stamps:
            for record in self._read_between(RAW_TRADES, {part: (offset, offset + MAX_MARKERS)}, most=1)[:1]:
                self._stamps = {key: at for key, at in self._stamps.items() if key[0] != part}
                self._stamps[part, offset] = record.timestamp_ms / 1000
        stamp = self._stamps.get((part, offset))
        return None if stamp is None else max(0.0, time.time() - stamp)

    def event_time_spread_s(self, waiting: Mapping[int, tuple[int, int]]) -> float:
        """Seconds of event time from the first to the last of the raw trades that wait, over all partitions.

        waiting: {partition: (next offset, end)}. Trades are nearly in order within a partition, so its first and its
        last are looked at; 0 where nothing waits, infinite where one of them can't be read.
        """
        times: list[int] = []
        for part, (start, end) in waiting.items():
            head, tail = (start, min(end, start + MAX_MARKERS)), (max(start, end - MAX_MARKERS), end)
            for where, which in ((head, 0), (tail, -1)):
                found = self._read_between(RAW_TRADES, {part: where}, PATIENT_S)
                if not found and part in self._read_whole:
                    break  # nothing but markers waits
                moment = peek_event_time(found[which].value or b"") if found else None
                if moment is None:
                    return inf
                times.append(moment)
        return (max(times) - min(times)) / 1e6 if times else 0.0

    def close(self) -> None:
        """Close the connection to the broker."""
        self._reader.close()

    def _read_between(
        self, topic: str, ranges: Mapping[int, tuple[int, int]], wait_s: float | None = None, most: int | None = None
    ) -> list[KafkaRecord]:
        """The newest MAX_READ messages of each range; fewer where the broker does not give them within `wait_s`.

        `most`: as soon as there are so many, no more is waited for.
        """
        starts = {part: max(start, end - MAX_READ) for part, (start, end) in ranges.items() if start < end}
        if not starts:
            return []
        out: list[KafkaRecord] = []
        left = set(starts)
        deadline = time.monotonic() + (READ_S if wait_s is None else wait_s)
        with suppress(OffsetExpiredError, BrokerError):
            self._reader.assign({(topic, part): start for part, start in starts.items()})
            while left and (most is None or len(out) < most) and time.monotonic() < deadline:
                for record in self._reader.poll(MAX_READ, 0.1):
                    if record.offset < ranges[record.partition][1]:
                        out.append(record)
                left -= {part for part in left if self._reader.done(topic, part, ranges[part][1])}
        self._read_whole = set(starts) - left
        self._reader.assign({})
        return out


class JmxConsumers:
    """The Kafka consumers of the queries in this JVM, by JMX: where each has read to in the raw topic.

    `records-lead` is the distance from the topic's start, which stays true while nobody polls; `records-lag` would
    keep the value of the last poll. The names are looked up seldom, for that is dear.
    """

    def __init__(self, session: SparkSession) -> None:
        self._jvm: Any = session._jvm
        self._server: Any = self._jvm.java.lang.management.ManagementFactory.getPlatformMBeanServer()
        self._beans: list[tuple[str, int, Any]] = []
        self._named = float("-inf")

    def read(self, queries: Collection[str], starts: Mapping[int, int]) -> dict[str, dict[int, int]]:
        """{query: {partition: next offset}}, what they have read; `starts`: the topic's first offsets.

        Raises Py4JError where the JVM is gone.
        """
        found: dict[str, dict[int, int]] = {}
        if time.monotonic() - self._named >= NAMES_EVERY_S or {one[0] for one in self._beans} != set(queries):
            self._refresh_beans(queries)
        for query, part, bean in self._beans:
            try:
                lead = float(self._server.getAttribute(bean, "records-lead"))
            except Py4JJavaError:  # that consumer has been closed
                self._named = float("-inf")
                continue
            if lead == lead:
                places = found.setdefault(query, {})
                places[part] = max(places.get(part, 0), starts.get(part, 0) + int(lead))
        return found

    def has_consumers(self, query: str) -> bool:
        """Whether tasks of that query have opened a consumer."""
        return bool(self._server.queryNames(self._build_pattern(query, ""), None).size())

    def _refresh_beans(self, queries: Collection[str]) -> None:
        self._beans, self._named = [], time.monotonic()
        for query in queries:
            for name in self._server.queryNames(self._build_pattern(query, "topic=*,partition=*,"), None):
                self._beans.append((query, int(name.getKeyProperty("partition")), name))

    def _build_pattern(self, query: str, more: str) -> Any:
        kind = "kafka.consumer:type=consumer-fetch-manager-metrics"
        return self._jvm.javax.management.ObjectName(f"{kind},{more}client-id=consumer-{add_prefix(query)}-*")
