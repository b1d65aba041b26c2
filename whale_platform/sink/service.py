"""Puts the sink together from the settings: its Postgres connection, its reader, its topics."""

from whale_platform.broker import connection_errors, topics
from whale_platform.broker.reader import TopicReader
from whale_platform.settings import Settings
from whale_platform.sink.fold import TOPICS
from whale_platform.sink.loop import Sink
from whale_platform.sink.resume_offsets import Identity
from whale_platform.sink.topic_watch import KafkaAway
from whale_platform.stores.postgres.connection import StoreAway
from whale_platform.stores.stream_tables.sink_store import SinkStore
from whale_platform.supervision.runtime.runner import ServiceContext

FETCH_WAIT_MS = 100  # how long the broker may hold an empty answer; a message is sent on at once
ALIVE_S = 5.0  # asked first, since the other questions wait much longer for a broker that is away


def main(context: ServiceContext) -> int:
    """Run the sink until it is stopped; returns the exit code."""
    settings = context.settings
    return Sink(
        context,
        open_store=lambda: _store(settings),
        open_reader=lambda: TopicReader(settings.bootstrap, "whale-sink", FETCH_WAIT_MS),
        identify=lambda: identify(settings),
    ).run()


def identify(settings: Settings) -> Identity:
    """The sink's topics as the broker has them; what is missing is created. Raises BrokerError, KafkaAway."""
    if not topics.alive(settings.bootstrap, ALIVE_S):
        raise KafkaAway(connection_errors.absence(settings.bootstrap))
    names = list(TOPICS)
    found = topics.describe(settings.bootstrap, names)
    if len(found) < len(names):
        topics.ensure(
            settings.bootstrap, settings.topic_partitions, settings.topic_replication, settings.topic_min_insync
        )
        found = topics.describe(settings.bootstrap, names)
    return Identity(topics.cluster_id(settings.bootstrap), {name: found[name] for name in names if name in found})


def _store(settings: Settings) -> SinkStore:
    try:
        return SinkStore(settings.dsn("sink"))
    except OSError as error:
        raise StoreAway(f"no password file: {error}") from None
