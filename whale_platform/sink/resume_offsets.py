"""The offsets at which reading continues: the stored ones, compared with the topics as they are now. Pure.

A recreated topic (other id) is read from its beginning. Offsets that left Kafka before they were read are a loss with
an exact range, and reading goes on from the earliest: rows are idempotent, so reading some twice is harmless (only
the counts of dead letters and rejects may then count a message twice, after a broker that lost the end of its log).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from whale_platform.broker.topics import TopicInfo
from whale_platform.contracts.stream_loss import LossRow
from whale_platform.stores.stream_tables.sink_store import StoredOffset


@dataclass(frozen=True, slots=True)
class TopicIdentity:
    """The cluster's id and its topics, by which a recreated one is known."""

    cluster_id: str
    topics: dict[str, TopicInfo]


@dataclass(slots=True)
class ResumePlan:
    """offsets: first offset to read, by (topic, partition). changed: what must be stored first. notes: for the log."""

    offsets: dict[tuple[str, int], int] = field(default_factory=dict)
    changed: dict[tuple[str, int], StoredOffset] = field(default_factory=dict)
    losses: list[LossRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def plan_resume(
    stored: dict[tuple[str, int], StoredOffset],
    now: TopicIdentity,
    bounds: Callable[[str, int], tuple[int, int]],
    found_at: datetime,
) -> ResumePlan:
    """`bounds(topic, partition)` gives (earliest offset, next offset to be written); `found_at`: now, aware UTC."""
    out = ResumePlan()
    for topic, info in now.topics.items():
        for partition in range(info.partitions):
            low, high = bounds(topic, partition)
            start = _find_start_offset(out, stored.get((topic, partition)), info, partition, (low, high), found_at)
            place = StoredOffset(start, info.topic_id, now.cluster_id)
            out.offsets[topic, partition] = start
            if place != stored.get((topic, partition)):
                out.changed[topic, partition] = place
    return out


def _find_start_offset(
    out: ResumePlan,
    place: StoredOffset | None,
    info: TopicInfo,
    partition: int,
    bounds: tuple[int, int],
    found_at: datetime,
) -> int:
    where, (low, high) = f"{info.name}[{partition}]", bounds
    if place is None:
        out.notes.append(f"{where} is new here: reading from its earliest offset {low}")
        return low
    if place.topic_id == info.topic_id and low <= place.next_offset <= high:
        return place.next_offset
    if place.topic_id != info.topic_id:
        first, last, cause = place.next_offset, None, "recreated"
        detail = f"was recreated: what the old one had from offset {first} on is lost; reading from {low}"
    else:
        expired = place.next_offset < low
        first, last = (place.next_offset, low - 1) if expired else (high, place.next_offset - 1)
        cause = "expired" if expired else "truncated"
        detail = f"has lost offsets {first} to {last} ({cause}): reading from {low}"
    row = LossRow("sink", info.name, partition, place.topic_id, first, last, cause, f"{where} {detail}", found_at)
    out.losses.append(row)
    out.notes.append(row.detail)
    return low
