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
    plan = ResumePlan()
    for topic, info in now.topics.items():
        for partition in range(info.partitions):
            low, high = bounds(topic, partition)
            start = _find_start_offset(plan, stored.get((topic, partition)), info, partition, (low, high), found_at)
            planned = StoredOffset(start, info.topic_id, now.cluster_id)
            plan.offsets[topic, partition] = start
            if planned != stored.get((topic, partition)):
                plan.changed[topic, partition] = planned
    return plan


def _find_start_offset(
    plan: ResumePlan,
    stored: StoredOffset | None,
    info: TopicInfo,
    partition: int,
    bounds: tuple[int, int],
    found_at: datetime,
) -> int:
    where, (low, high) = f"{info.name}[{partition}]", bounds
    if stored is None:
        plan.notes.append(f"{where} is new here: reading from its earliest offset {low}")
        return low
    if stored.topic_id == info.topic_id and low <= stored.next_offset <= high:
        return stored.next_offset
    if stored.topic_id != info.topic_id:
        first, last, cause = stored.next_offset, None, "recreated"
        detail = f"was recreated: what the old one had from offset {first} on is lost; reading from {low}"
    else:
        expired = stored.next_offset < low
        first, last = (stored.next_offset, low - 1) if expired else (high, stored.next_offset - 1)
        cause = "expired" if expired else "truncated"
        detail = f"has lost offsets {first} to {last} ({cause}): reading from {low}"
    row = LossRow("sink", info.name, partition, stored.topic_id, first, last, cause, f"{where} {detail}", found_at)
    plan.losses.append(row)
    plan.notes.append(row.detail)
    return low
