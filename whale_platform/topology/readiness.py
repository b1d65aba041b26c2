"""Readiness of the embedded servers. It is polled, so a failure leaves no log line.

A slow response is a response: the caller has a thread of its own for it, and notices a stopped server by its silence.
"""

from whale_platform.broker import topics
from whale_platform.settings import Settings
from whale_platform.stores.errors import PostgresUnusableError
from whale_platform.stores.postgres import connection

RESPONSE_S = 20


def kafka_responds(settings: Settings) -> bool:
    """Whether the broker answers a metadata request."""
    return topics.is_reachable(settings.bootstrap, RESPONSE_S)


def postgres_responds(settings: Settings) -> bool:
    """Whether one can log in and ask something."""
    try:
        connection.connect(settings.dsn(), "whale-ready", RESPONSE_S, RESPONSE_S).close()
    except (PostgresUnusableError, OSError):
        return False
    return True
