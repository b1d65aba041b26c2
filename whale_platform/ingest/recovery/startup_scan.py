"""Read, before anything is sent, how far the topic goes: the positions file, the topic's tail and the gap ledger.

Then the share is claimed, and what has come meanwhile is read too: after the claim nothing of a predecessor can land
any more. Who was fenced before (standby.py) first waits until nobody writes this share's trades.

A positions file that names another share, or offsets that the topic does not have (any more: others may have written
what is gone), is not used: then the whole topic is read (some 200,000 trades a second). Where one ingester has all
symbols and the topic begins after the file, the file holds for the symbols that left nothing else. Of a file that names
another cluster or topic, as where the broker's disk was replaced, the offsets mean nothing, but the ids are the
exchange's: they hold, and what the topic has goes on from them. A symbol of which only the ledger speaks goes on there.
Simulated, replayed and live trades have ids of their own, so a topic that holds another kind is refused.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whale_platform.broker import topics
from whale_platform.broker.naming import add_prefix
from whale_platform.broker.reader import TopicReader
from whale_platform.contracts.errors import MessageFormatError
from whale_platform.contracts.raw_trade import decode_trade
from whale_platform.contracts.raw_trade_looks import peek_source, peek_trade_id
from whale_platform.domain.names import INGEST_GAPS, RAW_TRADES
from whale_platform.domain.trade import Source, Trade
from whale_platform.ingest.errors import MixedSourcesError, ScanStoppedError
from whale_platform.ingest.recovery import positions_file as files
from whale_platform.ingest.recovery.positions_file import Positions, SymbolPosition
from whale_platform.ingest.recovery.resume_points import ResumePoint, find_resume_point
from whale_platform.ingest.recovery.share import WHOLE_SHARE, Share
from whale_platform.ingest.recovery.topic_tail import SymbolTail
from whale_platform.ingest.sequencing.gap import SequenceGap, decode_gap
from whale_platform.kafka_cluster import KafkaCluster

POLL_S = 0.1
LOG_EVERY_S = 5.0


@dataclass(slots=True)
class StartupState:
    """`offsets`: the next offset of each partition; `starts` by `exchange:symbol`, of the markets of the share."""

    cluster_id: str
    topic_id: str
    offsets: dict[int, int]
    starts: dict[str, ResumePoint]


@dataclass(slots=True)
class _TailScan:
    share: Share
    tails: dict[str, SymbolTail] = field(default_factory=dict)
    by_key: dict[bytes | None, SymbolTail | None] = field(default_factory=dict)
    newest: dict[bytes, bytes] = field(default_factory=dict)
    unreadable: int = 0

    def add(self, key: bytes | None, value: bytes | None) -> bool:
        """Take a message; whether it is a trade of this share."""
        if key not in self.by_key:
            name = (key or b"").decode(errors="replace")
            self.by_key[key] = self.tails.setdefault(name, SymbolTail()) if key and self.share.owns(name) else None
        tail = self.by_key[key]
        if tail is None and key:
            return False
        number = peek_trade_id(value) if value else None
        if tail is None or number is None:
            self.unreadable += 1
            return False
        tail.add(number, value)
        if key and value:
            self.newest[key] = value
        return True

    def find_sources(self) -> set[str]:
        """The sources of each symbol's newest message."""
        return {peek_source(value) for value in self.newest.values()}


def scan_topic(
    bootstrap: KafkaCluster,
    home: Path,
    share: Share,
    source: Source,
    claim: Callable[[], None],
    silence_s: float,
    stop: threading.Event,
    log: Any,
) -> StartupState | None:
    """None where a topic is missing; `claim`, which makes this process the share's one writer, waits for `silence_s`.

    Raises BrokerError where the broker is unavailable, ScanStoppedError when `stop` is set, and MixedSourcesError where
    the topic has trades of another source than `source`.
    """
    cluster = topics.fetch_cluster_id(bootstrap)
    found = topics.describe_topics(bootstrap, [RAW_TRADES, INGEST_GAPS])
    if len(found) < 2:
        return None
    topic = found[RAW_TRADES]
    reader = TopicReader(bootstrap, "whale-ingest-tail")
    try:
        edges = {partition: reader.bounds(RAW_TRADES, partition) for partition in range(topic.partitions)}
        lows = {partition: low for partition, (low, _) in edges.items()}
        file = files.load_positions(files.positions_path(home))
        known = _validate_positions(file, share, bool(silence_s), edges, cluster, topic.topic_id, log)
        fold = _TailScan(share)
        noted = {name: position for name, position in known.places.items() if share.owns(name)} if known else {}
        offsets = {part: max(low, known.offsets[part]) for part, low in lows.items()} if known else lows
        moved = known is not None and (known.cluster_id, known.topic_id) != (cluster, topic.topic_id)
        passed = known is not None and not moved and any(known.offsets[part] < low for part, low in lows.items())
        if not passed:
            fold.tails = {name: build_tail(position) for name, position in noted.items()}
        offsets = _read_to_end(reader, RAW_TRADES, offsets, fold.add, stop, log, silence_s)
        if others := fold.find_sources() - {source, "repair"}:
            raise MixedSourcesError(
                f"Topic {add_prefix(RAW_TRADES)} of this broker holds {' and '.join(sorted(others))} trades, this "
                f"home's are {source}: their ids would mix. Give this home topics of its own by WHALE_KAFKA_PREFIX, or "
                "another broker."
            )
        claim()
        offsets = _read_to_end(reader, RAW_TRADES, offsets, fold.add, stop, log)
        if passed:  # what lay between may be published and gone: the file is asked of those alone that left nothing
            noted = {name: position for name, position in noted.items() if name not in fold.tails}
            fold.tails |= {name: build_tail(position) for name, position in noted.items()}
        if fold.unreadable:
            log.warning("messages without a readable trade id", topic=RAW_TRADES, messages=fold.unreadable)
        ledger = _read_ledger(reader, stop, log)
    finally:
        reader.close()
    now = time.time_ns() // 1000
    starts = {
        name: find_resume_point(tail, noted[name].gaps if name in noted else (), ledger.get(name, {}), now)
        for name, tail in (dict.fromkeys(filter(share.owns, ledger), SymbolTail()) | fold.tails).items()
    }
    for name, trades in known.held.items() if known else ():
        begin = starts.setdefault(name, ResumePoint()) if share.owns(name) else ResumePoint()
        begin.held = list(_decode_held(trades, log))
    return StartupState(cluster, topic.topic_id, offsets, starts)


def build_tail(position: SymbolPosition) -> SymbolTail:
    """What the positions file knows of a symbol's messages in the topic."""
    missing = [(gap.progress_id, gap.last_id) for gap in position.gaps if gap.mode == "background"]
    newest = position.newest.encode() or None
    recent = None if position.recent is None else dict(position.recent)
    times = position.last_time, position.latest
    return SymbolTail(position.last_id, missing, -1, newest, *times, recent=recent)


def _validate_positions(
    known: Positions | None,
    share: Share,
    fenced: bool,
    edges: Mapping[int, tuple[int, int]],
    cluster: str,
    topic_id: str,
    log: Any,
) -> Positions | None:
    if known is None:
        return None
    if known.share not in (str(share), str(WHOLE_SHARE)):
        log.warning("the positions file is of another share; reading the whole topic", file=known.share)
        return None
    if (known.cluster_id, known.topic_id) != (cluster, topic_id):
        log.warning("the positions file speaks of another broker or topic; going on from its ids, reading all of this")
        known.offsets = {partition: low for partition, (low, _) in edges.items()}
        return known
    if not edges.keys() >= known.offsets.keys():
        return None
    for partition, (low, high) in edges.items():
        offset = known.offsets.setdefault(partition, low)
        if offset > high:
            log.warning("the topic ends before the positions file does; reading the whole topic", partition=partition)
            return None
        if offset < low and (share != WHOLE_SHARE or fenced):  # others may have written what is gone
            log.warning("the topic begins after the positions file ends; reading the whole topic", partition=partition)
            return None
    return known


def _read_to_end(
    reader: TopicReader,
    topic: str,
    offsets: Mapping[int, int],
    add: Callable[[bytes | None, bytes | None], bool],
    stop: threading.Event,
    log: Any,
    silence_s: float = 0.0,
) -> dict[int, int]:
    """Hand every message from `offsets` on to `add(key, value)`; returns the offsets after them.

    Ends where all that had come when it was looked at is read, and, where `silence_s` is asked for, nothing that `add`
    answers True to came for so long.
    """
    at = dict(offsets)
    progress = _Progress(topic, log)
    ours_at = time.monotonic()
    while True:
        looked = time.monotonic()
        ends = {partition: reader.bounds(topic, partition)[1] for partition in at}
        behind = {(topic, partition): offset for partition, offset in at.items() if offset < ends[partition]}
        reader.assign(behind)
        while not all(reader.done(topic, partition, ends[partition]) for _, partition in behind):
            for record in reader.poll(10_000, 0.5):
                if add(record.key, record.value):
                    ours_at = time.monotonic()
                at[record.partition] = record.offset + 1
                progress.messages += 1
            if stop.is_set():
                raise ScanStoppedError
            progress.log_progress(sum(ends[part] - at[part] for part in at if ends[part] > at[part]))
        at.update({partition: max(at[partition], ends[partition]) for _, partition in behind})
        if not silence_s or looked - ours_at >= silence_s:
            return at
        if not behind and stop.wait(POLL_S):
            raise ScanStoppedError


def _decode_held(trades: Iterable[str], log: Any) -> Iterator[Trade]:
    """The trades of the positions file; one that can't be read is left to the exchange's history."""
    for one in trades:
        try:
            yield decode_trade(one.encode())
        except MessageFormatError as error:
            log.warning("a held trade can't be read", reason=str(error))


class _Progress:
    """What a long reading logs now and then."""

    def __init__(self, topic: str, log: Any) -> None:
        self.messages = 0
        self._topic, self._log, self._logged_at = topic, log, time.monotonic()

    def log_progress(self, left: int) -> None:
        if time.monotonic() - self._logged_at > LOG_EVERY_S:
            self._logged_at = time.monotonic()
            self._log.info("reading", topic=self._topic, messages=self.messages, left=left)


def _read_ledger(reader: TopicReader, stop: threading.Event, log: Any) -> dict[str, dict[int, SequenceGap]]:
    rows: dict[str, dict[int, SequenceGap]] = {}

    def add(_key: bytes | None, value: bytes | None) -> bool:
        try:
            name, gap = decode_gap(value or b"")
        except ValueError as error:
            log.warning("a row of the gap ledger can't be read", reason=str(error))
            return False
        rows.setdefault(name, {})[gap.first_id] = gap
        return False

    lows = {partition: reader.bounds(INGEST_GAPS, partition)[0] for partition in reader.list_partitions(INGEST_GAPS)}
    _read_to_end(reader, INGEST_GAPS, lows, add, stop, log)
    return rows
