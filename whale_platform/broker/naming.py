"""The names by which the broker knows topics, groups and transactional ids: ours with `WHALE_KAFKA_PREFIX` before.

Everywhere else a topic goes by its name in `domain.names`. The clients of this package put the prefix on and take it
off, so that no caller can forget it; Spark's Kafka options and what people read use `add_prefix`. One process belongs
to one platform: the prefix is read from the settings once and never changes.
"""

from functools import cache

from whale_platform.settings import Settings


@cache
def read_prefix() -> str:
    """The platform's prefix, empty where it has the broker for itself."""
    return Settings().kafka_prefix


def add_prefix(name: str) -> str:
    """The broker's name of a topic, group or transactional id of this platform."""
    return read_prefix() + name


def strip_prefix(name: str) -> str:
    """The platform's own name of a topic that the broker calls `name`."""
    return name.removeprefix(read_prefix())
