"""Whales that the log no longer has: from Kafka by offset, from Postgres by time; two readers at once at most.

Each question is one short run in a thread with a deadline; an answer that does not come is HistoryUnavailableError, and
the follower asks again. Few may wait for their turn, and fewer of one address, so that who resumes at the topic's first
offset again and again keeps nobody else from what was missed.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypeVar

from whale_platform.api.errors import HistoryExpiredError, HistoryUnavailableError
from whale_platform.api.push.fanout.message_text import to_pushed_whale
from whale_platform.api.push.fanout.whale_log import AlertRecord, PushedWhale
from whale_platform.api.push.fanout.whale_subscription import HistoryReader
from whale_platform.broker.errors import BrokerError, OffsetExpiredError
from whale_platform.broker.reader import KafkaRecord, TopicReader
from whale_platform.broker.topics import is_reachable
from whale_platform.contracts import whale_alert
from whale_platform.contracts.errors import MessageFormatError
from whale_platform.domain.names import WHALE_ALERTS
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.stores.errors import PostgresUnusableError
from whale_platform.stores.queries.whales_since import read_whales_since

T = TypeVar("T")
AT_ONCE = 2
MAX_PENDING, MAX_PENDING_PER_ADDRESS = 32, 8  # questions under way or waiting: of all clients, of one address
DEADLINE_S = 5.0


def parse_alert(record: KafkaRecord) -> AlertRecord:
    """A message of `whale_alerts`."""
    try:
        whale = to_pushed_whale(whale_alert.decode_whale(record.value, record.timestamp_ms))
    except MessageFormatError:
        return AlertRecord(record.partition, record.offset, None)
    return AlertRecord(record.partition, record.offset, whale)


class WhaleHistory:
    """`dsn` gives the connection string, or is None where there are no tables to ask."""

    def __init__(self, bootstrap: KafkaCluster, dsn: Callable[[], str] | None) -> None:
        self._bootstrap, self._dsn = bootstrap, dsn
        self._threads = ThreadPoolExecutor(AT_ONCE, "past")
        self._asking: Counter[str] = Counter()

    def for_client(self, address: str) -> HistoryReader:
        """For a client of that address."""
        return _ClientHistory(self, address)

    async def read_kafka(self, address: str, partition: int, start: int, end: int, limit: int) -> list[AlertRecord]:
        """Read from Kafka, as `whale_subscription.HistoryReader` says."""
        return await self._run_in_thread(address, lambda: self._scan_kafka(partition, start, end, limit))

    async def read_tables(self, address: str, since_ms: int, limit: int) -> list[PushedWhale] | None:
        """Read from the tables, as `whale_subscription.HistoryReader` says."""
        dsn = self._dsn
        return (
            None
            if dsn is None
            else await self._run_in_thread(address, lambda: self._query_tables(dsn, since_ms, limit))
        )

    async def _run_in_thread(self, address: str, work: Callable[[], T]) -> T:
        """What `work` gives. Who hangs up leaves a place that is free only when its thread is."""
        if self._asking[address] >= MAX_PENDING_PER_ADDRESS or self._asking.total() >= MAX_PENDING:
            raise HistoryUnavailableError("many clients ask for older whales just now: this one has to wait")
        self._asking[address] += 1
        loop, future = asyncio.get_running_loop(), self._threads.submit(work)

        def leave(_: object) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._release_slot, address)

        future.add_done_callback(leave)
        return await asyncio.wrap_future(future)

    def _release_slot(self, address: str) -> None:
        self._asking[address] -= 1
        if not self._asking[address]:
            del self._asking[address]

    def _scan_kafka(self, partition: int, start: int, end: int, limit: int) -> list[AlertRecord]:
        if not is_reachable(self._bootstrap, 2.0):
            raise HistoryUnavailableError("Kafka does not answer")
        reader = TopicReader(self._bootstrap, "whale-live-past", fetch_wait_ms=100)
        deadline = time.monotonic() + DEADLINE_S
        try:
            low, _ = reader.bounds(WHALE_ALERTS, partition)
            if start < low:
                raise HistoryExpiredError(low)
            reader.assign({(WHALE_ALERTS, partition): start})
            out: list[AlertRecord] = []
            while start < end and len(out) < limit:
                records = reader.poll(limit, 0.2)
                if not records and time.monotonic() > deadline:
                    raise HistoryUnavailableError("Kafka did not send older whales in time")
                out += [parse_alert(record) for record in records if record.offset < end]
                start = records[-1].offset + 1 if records else start
            return out
        except OffsetExpiredError:
            raise HistoryUnavailableError("the offsets left Kafka while they were read") from None
        except BrokerError as error:
            raise HistoryUnavailableError(f"Kafka refuses: {error}") from None
        finally:
            reader.close()

    def _query_tables(self, dsn: Callable[[], str], since_ms: int, limit: int) -> list[PushedWhale] | None:
        try:
            rows = read_whales_since(dsn(), datetime.fromtimestamp(since_ms / 1000, UTC), limit + 1)
        except (PostgresUnusableError, OSError) as error:
            raise HistoryUnavailableError(f"older whales can't be read from Postgres: {error}") from None
        return None if len(rows) > limit else [to_pushed_whale(row) for row in rows]


class _ClientHistory:
    def __init__(self, history: WhaleHistory, address: str) -> None:
        self._history, self._address = history, address

    async def read_kafka(self, partition: int, start: int, end: int, limit: int) -> list[AlertRecord]:
        return await self._history.read_kafka(self._address, partition, start, end, limit)

    async def read_tables(self, since_ms: int, limit: int) -> list[PushedWhale] | None:
        return await self._history.read_tables(self._address, since_ms, limit)
