"""Many messages -> one `SinkBatch`: per key only what the table would show after all of them, in order.

Windows: the highest trade count, of equals the later. Whales: the first; sweeps: the most fills, of equals the first.
Gaps and losses: the later. Dead letters: their count.
That bounds what Postgres has to do by the number of keys, however many messages wait. A message that can't be read
becomes a reject and moves its offset like any other.

In real time the stream writes a window once a trade, its identity and count first, so most messages of a backlog are
known to be outdone before they are parsed, which takes twenty times as long; outdone ones are not looked at further.
"""

from collections.abc import Iterable
from operator import itemgetter

from whale_platform.broker.reader import KafkaRecord
from whale_platform.contracts import dead_letter, ingest_gap, stream_loss, trade_window, whale_alert
from whale_platform.contracts.dead_letter import DeadLetterRow
from whale_platform.contracts.errors import MessageFormatError
from whale_platform.contracts.whale_alert import WhaleRow
from whale_platform.domain.names import DEAD_LETTERS, INGEST_GAPS, STREAM_LOSSES, SWEEP, TRADE_WINDOWS, WHALE_ALERTS
from whale_platform.stores.stream_tables.rows import MessageRef, RejectedMessage, SinkBatch

_count_of = itemgetter(0)
SINK_TOPICS = (TRADE_WINDOWS, WHALE_ALERTS, INGEST_GAPS, STREAM_LOSSES, DEAD_LETTERS)


def fold_records(records: Iterable[KafkaRecord], offsets: dict[tuple[str, int], int]) -> SinkBatch:
    """`records` in the order of their offsets within each partition; `offsets`: next offset by (topic, partition)."""
    batch = SinkBatch()
    states: dict[bytes, list[tuple[int, KafkaRecord]]] = {}
    for record in records:
        part = (record.topic, record.partition)
        expected, _ = batch.offset_moves.get(part, (offsets[part], 0))
        batch.offset_moves[part] = (expected, record.offset + 1)
        state = trade_window.peek_state(record.value or b"") if record.topic == TRADE_WINDOWS else None
        if state is None:
            _add_record(batch, record)
        else:
            window, count = state
            states.setdefault(window, []).append((count, record))
    for found in states.values():
        found.sort(key=_count_of)  # stable: of equals the later stays behind the earlier
        while found and not _add_record(batch, found.pop()[1]):
            pass
    return batch


def _add_record(batch: SinkBatch, record: KafkaRecord) -> bool:
    """Add one message, or its reject; whether it could be read."""
    origin = MessageRef(record.topic, record.partition, record.offset)
    try:
        _fold_record(batch, record, origin)
    except MessageFormatError as reason:
        batch.rejects.append(RejectedMessage(origin, str(reason)))
        return False
    return True


def _fold_record(batch: SinkBatch, record: KafkaRecord, origin: MessageRef) -> None:
    value, stamp = record.value, record.timestamp_ms
    if record.topic == TRADE_WINDOWS:
        window = trade_window.decode_window(value, stamp)
        held = batch.windows.get(window.key)
        if held is None or window.trade_count >= held[0].trade_count:
            batch.windows[window.key] = (window, origin)
    elif record.topic == WHALE_ALERTS:
        whale = whale_alert.decode_whale(value, stamp)
        known = batch.whales.get(whale.key)
        if known is None or _supersedes(whale, known[0]):
            batch.whales[whale.key] = (whale, origin)
    elif record.topic == INGEST_GAPS:
        if record.value is not None:  # a tombstone of the compacted topic says nothing about the ledger
            gap = ingest_gap.decode_gap_row(value, stamp)
            batch.gaps[gap.key] = (gap, origin)
    elif record.topic == STREAM_LOSSES:
        if record.value is not None:
            loss = stream_loss.decode_loss(value, stamp)
            batch.losses[loss.key] = (loss, origin)
    else:
        _count_dead_letter(batch, dead_letter.decode_dead_letter(value, stamp, record.offset))


def _supersedes(whale: WhaleRow, known: WhaleRow) -> bool:
    """Whether `whale` is a later state of the same sweep, as the statement of `upserts.insert_whales` decides it."""
    if whale.kind != SWEEP:
        return False
    newest = (whale.fills or 0, known.detected_time, known.run_id)
    return newest > (known.fills or 0, whale.detected_time, whale.run_id)


def _count_dead_letter(batch: SinkBatch, letter: DeadLetterRow) -> None:
    key = (letter.exchange, letter.kind, letter.day)
    held = batch.dead_letters.get(key)
    if held is not None:
        letter = letter._replace(
            letters=held.letters + 1,
            first_time=min(held.first_time, letter.first_time),
            last_time=max(held.last_time, letter.last_time),
        )
    batch.dead_letters[key] = letter
