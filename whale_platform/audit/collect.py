"""Asks Postgres, the lake and Kafka for an audit, in this order: what comes meanwhile is in Kafka, and known as new.

How far each place has come is asked before all: what lies beyond that has not arrived yet, and is not missing.

A trade counts once it has had time to be everywhere: the range ends three minutes before now (two for the stream's
windows, one for the lake's trigger of 20 s and its commit), and what was sent since then may still lack elsewhere. A
slower `WHALE_LAKE_TRIGGER_S` is waited for as long as it says. Raises BrokerError, PostgresUnusableError
and LakeError's subclasses; a lake that is not there is an empty one.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from whale_platform.audit import arrivals, kafka_ids
from whale_platform.audit.collect_values import compare_hours
from whale_platform.audit.reconcile import (
    KAFKA,
    LAKE,
    POSTGRES,
    AuditResult,
    SystemCounts,
    list_id_spans,
    reconcile_hours,
)
from whale_platform.broker import bulk_reader
from whale_platform.broker.topics import WEEK_MS
from whale_platform.domain.names import RAW_TRADES
from whale_platform.lake.analysis import id_counts
from whale_platform.lake.errors import DamagedFileError, LakeNotFoundError
from whale_platform.settings import Settings
from whale_platform.stores.quality import audit_counts as counts
from whale_platform.stores.quality import stream_quality

WINDOWS_SETTLE, LAKE_SETTLES = timedelta(minutes=2), timedelta(minutes=1)
EVER, WEEK = datetime.min.replace(tzinfo=UTC), timedelta(milliseconds=int(WEEK_MS))
CLOCKS = timedelta(minutes=10)  # how much earlier than its own time a trade may seem to have been sent
AuditProgress = Callable[[str, int, int], None]


def find_settled_end(settings: Settings, now: datetime) -> datetime:
    """The full minute up to which every trade has had time to be everywhere."""
    trigger = timedelta(seconds=settings.lake_trigger_s)
    return (now - WINDOWS_SETTLE - max(LAKE_SETTLES, 2 * trigger)).replace(second=0, microsecond=0)


def find_lake_span(settings: Settings) -> tuple[datetime, datetime] | None:
    """From the first hour of the lake to the end of its last; None where it has none."""
    try:
        return id_counts.find_time_span(settings.trades_lake)
    except LakeNotFoundError:
        return None


def run_audit(
    settings: Settings,
    start: datetime,
    end: datetime,
    now: datetime,
    created: datetime | None,
    on_progress: AuditProgress = lambda *_: None,
) -> AuditResult:
    """Reconcile [start, end): `start` a full hour, `end` a full minute, aware UTC, no later than `find_settled_end`.

    `created`: when the home was made; None: nobody knows, every hour is owed. `on_progress(system, done, all)` is
    called as the counting goes on.
    """
    dsn, replay = settings.dsn("dagster"), settings.source == "replay"  # whose trades are sent long after their times
    kept = (
        EVER if replay else _day(now) - timedelta(days=settings.retention_days)
    )  # as stores/asset_tables/retention.py lets go
    reached = arrivals.read_arrivals(settings)
    postgres = counts.count_trades(dsn, start, end, kept)
    on_progress("Postgres", 1, 1)
    lake, damaged = {}, dict[datetime, DamagedFileError]()
    if there := find_lake_span(settings):
        lake = id_counts.count_ids(settings.trades_lake, start, end, partial(on_progress, "lake"), damaged)
    from_ms = 0 if replay else _ms(start - CLOCKS)
    span = bulk_reader.measure_span(settings.bootstrap, RAW_TRADES, from_ms)
    kafka = kafka_ids.count_kafka_ids(
        bulk_reader.read_values(
            settings.bootstrap, RAW_TRADES, span, reached.build_classifier(_ms(find_settled_end(settings, now)))
        ),
        _ms(start) * 1000,
        _ms(end) * 1000,
        lambda messages: on_progress("Kafka", messages, span.messages),
    )
    arrivals.add_unstored_trades(settings, reached, kafka.waiting)
    losses = stream_quality.read_losses(dsn, now - WEEK)
    days = 0 if replay else settings.lake_retention_days
    places = SystemCounts(
        start,
        end,
        EVER if replay or created is None else _hour(created),
        kafka.held,
        _find_kafka_start(span, replay, now, losses),
        postgres,
        kept,
        lake,
        _day(now) - timedelta(days=days) if days else EVER,
        ids_in_transit=kafka.waiting,
        ids_outside_range=kafka.beyond,
    )
    notes = [
        *_describe_limits(places, kafka.unreadable),
        *_describe_losses([one for one in losses if one.found_at >= start]),
    ]
    places = compare_hours(settings, places, find_settled_end(settings, now), now, damaged) if there else places
    return reconcile_hours(
        replace(places, gaps=counts.read_ledger_gaps(dsn, list_id_spans(places))), notes, reached.behind
    )


def _find_kafka_start(
    span: bulk_reader.TopicSpan, replay: bool, now: datetime, losses: Sequence[stream_quality.ReaderLoss]
) -> datetime | None:
    """Kafka keeps a week, less where its bytes were full, and nothing from before its topic was made again."""
    if replay:
        return EVER if span.whole else None
    anew = [one.found_at for one in losses if one.topic == RAW_TRADES and one.cause == "recreated"]
    oldest = [] if span.whole or span.since_ms is None else [datetime.fromtimestamp(span.since_ms / 1000, UTC)]
    return max([now - WEEK, *anew, *oldest])


def _describe_limits(counts: SystemCounts, unreadable: int) -> list[str]:
    said = [f"{unreadable:,} messages in Kafka are no trades"] if unreadable else []
    for system, since in ((KAFKA, counts.kafka_since), (POSTGRES, counts.postgres_since), (LAKE, counts.lake_since)):
        if since is None:
            said.append(f"{system} has let messages go, so it is compared from its first ids on")
        elif since > counts.start:
            said.append(f"{system} is compared from {since:%Y-%m-%d %H:%M} UTC on: retention lets earlier hours go")
    return said


def _describe_losses(losses: Sequence[stream_quality.ReaderLoss]) -> list[str]:
    return [
        f"{loss.reader} on {loss.topic}, {loss.found_at:%Y-%m-%d %H:%M} UTC: {loss.detail}"
        for loss in losses
        if loss.cause != "none"
    ]


def _day(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _hour(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _ms(time: datetime) -> int:
    return int(time.timestamp() * 1000)
