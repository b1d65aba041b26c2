"""Whether the embedded servers answer: asked again and again, so without a trace when they don't.

A slow answer is an answer: whoever asks has a thread of its own for it, and what was stopped is noticed by the silence.
"""

from whale_platform.broker import topics
from whale_platform.settings import Settings
from whale_platform.stores.postgres import connection

ANSWER_S = 20


def kafka(settings: Settings) -> bool:
    """Whether the broker answers a metadata request."""
    return topics.alive(settings.bootstrap, ANSWER_S)


def postgres(settings: Settings) -> bool:
    """Whether one can log in and ask something."""
    try:
        connection.connect(settings.dsn(), "whale-ready", ANSWER_S, ANSWER_S).close()
    except (connection.StoreAway, connection.SchemaMismatch, connection.BadDsn, OSError):
        return False
    return True
