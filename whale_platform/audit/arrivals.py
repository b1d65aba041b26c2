"""How far windows, whales, sink and lake have come, and so which trades have not arrived in each of them yet.

The checkpoints of the stream's queries say which raw trades were surely put out, the lake's table which it has, and the
sink's offsets which windows and whales are stored. Of a query without a checkpoint on this topic nobody knows, and
nothing is taken to be on its way to it. Ask before the places are asked: what arrives meanwhile may then count as not
yet arrived and be there all the same. Raises BrokerError, PostgresUnusableError, LakeError's subclasses.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from whale_platform.audit.kafka_ids import SendState, WaitingIds
from whale_platform.audit.reconcile import LAKE, POSTGRES, WHALES
from whale_platform.broker import bulk_reader, topics
from whale_platform.contracts.errors import MessageFormatError
from whale_platform.contracts.trade_window import decode_window
from whale_platform.contracts.whale_alert import decode_whale
from whale_platform.domain.id_ranges import IdRanges
from whale_platform.domain.market import MarketHour
from whale_platform.domain.names import RAW_TRADES, TRADE_WINDOWS, WHALE_ALERTS
from whale_platform.lake.delta import table
from whale_platform.lake.errors import LakeNotFoundError
from whale_platform.settings import Settings
from whale_platform.stores.quality import audit_counts
from whale_platform.stream.query import checkpoints

QUERY_OF = {POSTGRES: "windows", WHALES: "whales", LAKE: "lake"}
PartitionOffsets = dict[int, int]  # {partition: next offset}


@dataclass(frozen=True, slots=True)
class ReachedOffsets:
    """read: the raw offsets up to which each place is known to have the trades; unstored: what the sink
    has not stored yet.

    behind: messages that each part has not read yet, None where nobody knows.
    """

    read: dict[str, PartitionOffsets]
    unstored: dict[str, bulk_reader.TopicSpan]
    behind: dict[str, int | None]

    def build_classifier(self, settled_ms: int) -> Callable[[int, int, int], SendState]:
        """A function of a raw trade's partition, offset and time that says how it was sent; millions are asked."""
        read = [*self.read.items()]
        least = {part: min(at.get(part, 0) for _, at in read) for _, places in read for part in places}

        def found(partition: int, offset: int, sent_ms: int) -> SendState:
            if offset < least.get(partition, 0):
                return sent_ms > settled_ms, ()
            return sent_ms > settled_ms, tuple(place for place, at in read if offset >= at.get(partition, 0))

        return found


def read_arrivals(settings: Settings) -> ReachedOffsets:
    """As it is now."""
    offsets = audit_counts.read_sink_offsets(settings.dsn("dagster"))
    spans = {
        topic: bulk_reader.measure_span(settings.bootstrap, topic, 0)
        for topic in (RAW_TRADES, TRADE_WINDOWS, WHALE_ALERTS)
    }
    ids = {topic: found.topic_id for topic, found in topics.describe_topics(settings.bootstrap, [*spans]).items()}
    raw, read, behind = spans.pop(RAW_TRADES), dict[str, PartitionOffsets](), dict[str, int | None]()
    for place, query in QUERY_OF.items():
        known = _read_reached_offsets(settings, query, ids[RAW_TRADES], [*raw.offset_ranges])
        behind[query] = (
            None if known is None else sum(end - start for start, end in _find_unread_ranges(raw, known).values())
        )
        if known is not None:
            read[place] = known
    for topic, span in spans.items():
        known = {part: place for (name, part), (place, of) in offsets.items() if (name, of) == (topic, ids[topic])}
        spans[topic] = replace(span, offset_ranges=_find_unread_ranges(span, known))
    behind["sink"] = sum(end - start for span in spans.values() for start, end in span.offset_ranges.values())
    return ReachedOffsets(read, spans, behind)


def add_unstored_trades(settings: Settings, offsets: ReachedOffsets, waiting: WaitingIds) -> None:
    """Add the trades of those windows and whales that the sink has not stored yet."""
    now_ms = int(time.time() * 1000)
    for topic, span in offsets.unstored.items():
        for _, values in bulk_reader.read_values(settings.bootstrap, topic, span, lambda *_: 0):
            for value in values:
                for key, place, first, last in list_message_ids(topic, value, now_ms):
                    waiting.setdefault(key, {}).setdefault(place, IdRanges()).add(first, last)


def _find_unread_ranges(span: bulk_reader.TopicSpan, known: PartitionOffsets) -> dict[int, tuple[int, int]]:
    """{partition: (first offset that was not read, end)}; `known`: next offsets."""
    return {part: (min(max(low, known.get(part, 0)), end), end) for part, (low, end) in span.offset_ranges.items()}


def _read_reached_offsets(settings: Settings, query: str, topic_id: str, parts: list[int]) -> PartitionOffsets | None:
    if query == checkpoints.LAKE_QUERY:
        try:
            opened = table.open_table(settings.trades_lake)
        except LakeNotFoundError:
            return None
        return {part: table.read_position(opened, topic_id, part) for part in parts}
    found = map(checkpoints.inspect_checkpoint, checkpoints.list_live_folders(settings.stream_home, query))
    fit = [one for one in found if one.label is not None and one.label.topic_id == topic_id]
    newest = max(fit, key=lambda one: one.modified or 0.0, default=None)
    return None if newest is None else checkpoints.read_position(newest.path)


def list_message_ids(topic: str, value: bytes, now_ms: int) -> Iterator[tuple[MarketHour, str, int, int]]:
    """Yield (hour, place, first id, last id) of a window or whale; nothing of a message that the sink will reject.

    `now_ms`: the wall clock in milliseconds, later than the message's own timestamp.
    """
    with suppress(MessageFormatError):
        if topic == TRADE_WINDOWS:
            window = decode_window(value, now_ms)
            if window.first_trade_id <= window.last_trade_id:
                hour = _hour(window.window_start)
                yield (window.exchange, window.symbol, hour), POSTGRES, window.first_trade_id, window.last_trade_id
        else:
            whale = decode_whale(value, now_ms)
            newest = whale.last_trade_id or whale.trade_id  # the trade that the message is of
            yield (whale.exchange, whale.symbol, _hour(whale.event_time)), WHALES, newest, newest


def _hour(time: datetime) -> datetime:
    return time.replace(minute=0, second=0, microsecond=0)
