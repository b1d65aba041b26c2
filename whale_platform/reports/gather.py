"""Asks Postgres, the lake and Kafka for an audit, in this order: what comes meanwhile is in Kafka, and known as new.

A trade counts once it has had time to be everywhere: the range ends three minutes before now (two for the stream's
windows, one for the lake's trigger of 20 s and its commit), and what was sent since then may still lack elsewhere. A
slower `WHALE_LAKE_TRIGGER_S` is waited for as long as it says. Raises BrokerError, StoreAway, SchemaMismatch, BadDsn
and LakeError's subclasses; a lake that is not there yet is a note.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from whale_platform.broker import bulk
from whale_platform.domain.names import RAW_TRADES
from whale_platform.domain.runs import Held
from whale_platform.lake import census
from whale_platform.lake.errors import NotThere
from whale_platform.lake.schema import exists
from whale_platform.reports import raw_ids
from whale_platform.reports.audit import KAFKA, LAKE, POSTGRES, Audit, Key, Places, reconcile, spans
from whale_platform.settings import Settings
from whale_platform.stores import census as counts
from whale_platform.stores import checks

WINDOWS_SETTLE, LAKE_SETTLES = timedelta(minutes=2), timedelta(minutes=1)
CLOCKS = timedelta(minutes=10)  # how much earlier than its own time a trade may seem to have been sent
Tell = Callable[[str, int, int], None]


def settled(settings: Settings, now: datetime) -> datetime:
    """The full minute up to which every trade has had time to be everywhere."""
    trigger = timedelta(seconds=settings.lake_trigger_s)
    return (now - WINDOWS_SETTLE - max(LAKE_SETTLES, 2 * trigger)).replace(second=0, microsecond=0)


def whole_lake(settings: Settings) -> tuple[datetime, datetime] | None:
    """From the first hour of the lake to the end of its last; None where it has none."""
    try:
        return census.begun(settings.trades_lake)
    except NotThere:
        return None


def audit(settings: Settings, start: datetime, end: datetime, now: datetime, tell: Tell = lambda *_: None) -> Audit:
    """Reconcile [start, end): `start` a full hour, `end` a full minute, aware UTC, no later than `settled`.

    `tell(place, done, all)` is called as the counting goes on.
    """
    dsn, replay = settings.dsn("dagster"), settings.source == "replay"  # whose trades are sent long after their times
    first_row = counts.since(dsn)
    postgres = counts.counts(dsn, start, end)
    tell("Postgres", 1, 1)
    there = whole_lake(settings)
    lake = census.count(settings.trades_lake, start, end, partial(tell, "lake")) if there else {}
    from_ms = 0 if replay else _ms(start - CLOCKS)
    span = bulk.look(settings.bootstrap, RAW_TRADES, from_ms)
    kafka = raw_ids.count(
        bulk.values(settings.bootstrap, RAW_TRADES, span, _ms(settled(settings, now))),
        _ms(start) * 1000,
        _ms(end) * 1000,
        lambda messages: tell("Kafka", messages, span.messages),
    )
    places = Places(
        start,
        end,
        kafka.held,
        _kafka_since(span, replay),
        postgres,
        _hour(first_row) if first_row else None,
        lake,
        _lake_since(settings, there, kafka.held, now),
    )
    notes = [*_notes(places, kafka.unreadable), *_lost(checks.losses(dsn, start))]
    return reconcile(replace(places, gaps=counts.gaps(dsn, spans(places))), notes)


def _kafka_since(span: bulk.Span, replay: bool) -> datetime | None:
    if replay:
        return datetime.min.replace(tzinfo=UTC) if span.whole and span.messages else None
    return datetime.fromtimestamp(span.since_ms / 1000, UTC) if span.since_ms is not None else None


def _lake_since(
    settings: Settings, there: tuple[datetime, datetime] | None, kafka: Mapping[Key, Held], now: datetime
) -> datetime | None:
    """Its first hour, or an earlier one that Kafka has and that retention has not let go."""
    if there is None and not exists(settings.trades_lake):
        return None
    hours = [hour for *_, hour in kafka]
    if days := settings.lake_retention_days:
        kept = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days)
        hours = [hour for hour in hours if hour >= kept]
    return min([*hours, *(there or ())[:1]], default=None)


def _notes(places: Places, unreadable: int) -> list[str]:
    said = [f"{unreadable:,} messages in Kafka are no trades"] if unreadable else []
    for place, since in ((KAFKA, places.kafka_since), (POSTGRES, places.postgres_since), (LAKE, places.lake_since)):
        if since is None:
            said.append(f"{place} has nothing yet, or nothing any more")
        elif since > places.start:
            said.append(f"{place} reaches back to {since:%Y-%m-%d %H:%M} UTC")
    return said


def _lost(found: Sequence[checks.Loss]) -> list[str]:
    return [
        f"{one.reader} on {one.topic}, {one.found_at:%Y-%m-%d %H:%M} UTC: {one.detail}"
        for one in found
        if one.cause != "none"
    ]


def _hour(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _ms(time: datetime) -> int:
    return int(time.timestamp() * 1000)
