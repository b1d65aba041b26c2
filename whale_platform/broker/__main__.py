"""`python -m whale_platform.broker`: make the topics; run at every `up`.

Waits up to a minute for the broker. Ends with one line on stderr and an exit code: 0 done, 75 try again (the broker
is away), 78 a person must act (the broker refuses what the settings ask for).
"""

import sys
import time

from confluent_kafka import KafkaError, KafkaException

from whale_platform.broker import topics
from whale_platform.settings import Settings
from whale_platform.supervision import codes

WAIT_S = 60.0
_A_PERSON = {
    KafkaError.INVALID_REPLICATION_FACTOR: "WHALE_TOPIC_REPLICATION is more than the cluster has brokers",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "this user may not make topics there: make them by hand, or allow it",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "this user may not make topics there: make them by hand, or allow it",
    KafkaError.POLICY_VIOLATION: "the cluster's policy forbids it",
}


def main(wait_s: float = WAIT_S) -> int:
    """Make what is missing; returns the exit code."""
    settings = Settings()
    deadline = time.monotonic() + wait_s
    while not topics.alive(settings.bootstrap, 1.0):
        if time.monotonic() >= deadline:
            print(f"topics: no Kafka broker answers at {settings.bootstrap}", file=sys.stderr)
            return codes.RETRY
        time.sleep(0.1)
    try:
        made = topics.ensure(settings.bootstrap, settings.topic_partitions, settings.topic_replication)
    except KafkaException as error:
        reason: KafkaError = error.args[0]
        advice = _A_PERSON.get(reason.code())
        print(
            f"topics: Kafka at {settings.bootstrap} refuses: {reason.str()}{f' ({advice})' if advice else ''}",
            file=sys.stderr,
        )
        return codes.BLOCKED if advice else codes.RETRY
    print(f"topics: {'made ' + ', '.join(made) if made else 'all there'} ({settings.bootstrap})", file=sys.stderr)
    return codes.CLEAN


if __name__ == "__main__":
    sys.exit(main())
