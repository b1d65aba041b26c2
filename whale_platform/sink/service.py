"""Puts the sink together from the settings: its Postgres connection, its reader, its topics."""

from whale_platform.broker import connection_errors, topics
from whale_platform.broker.errors import BrokerUnavailableError
from whale_platform.broker.reader import TopicReader
from whale_platform.settings import Settings
from whale_platform.sink.fold import SINK_TOPICS
from whale_platform.sink.loop import SinkLoop
from whale_platform.sink.resume_offsets import TopicIdentity
from whale_platform.stores.errors import StoreUnavailableError
from whale_platform.stores.stream_tables.sink_store import SinkStore
from whale_platform.supervision.runtime.runner import ServiceContext

FETCH_WAIT_MS = 100  # how long the broker may hold an empty answer; a message is sent on at once
ALIVE_S = 5.0  # checked first, since the other requests wait much longer for an unavailable broker


def main(context: ServiceContext) -> int:
    """Run the sink until it is stopped; returns the exit code."""
    settings = context.settings
    return SinkLoop(
        context,
        open_store=lambda: _open_store(settings),
        open_reader=lambda: TopicReader(settings.bootstrap, "whale-sink", FETCH_WAIT_MS),
        identify=lambda: identify_topics(settings),
    ).run()


def identify_topics(settings: Settings) -> TopicIdentity:
    """The sink's topics as the broker has them; what is missing is created. Raises BrokerError."""
    if not topics.is_reachable(settings.bootstrap, ALIVE_S):
        raise BrokerUnavailableError(connection_errors.explain_unavailable(settings.bootstrap))
    names = list(SINK_TOPICS)
    found = topics.describe_topics(settings.bootstrap, names)
    if len(found) < len(names):
        topics.create_topics(
            settings.bootstrap, settings.topic_partitions, settings.topic_replication, settings.topic_min_insync
        )
        found = topics.describe_topics(settings.bootstrap, names)
    return TopicIdentity(
        topics.fetch_cluster_id(settings.bootstrap), {name: found[name] for name in names if name in found}
    )


def _open_store(settings: Settings) -> SinkStore:
    try:
        return SinkStore(settings.dsn("sink"))
    except OSError as error:
        raise StoreUnavailableError(f"no password file: {error}") from None
