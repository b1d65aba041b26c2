"""`python -m whale_platform.broker`: make the topics and bound their bytes; run at every `up`.

The bound is WHALE_KAFKA_BYTES, else a share of the disk where the broker is ours; someone else's is left alone.

Waits for the broker, which may take long to start, and says so once. Ends with one line on stderr and an exit code: 0
done, 75 try again (the broker is unavailable, or too few of a cluster's are there yet), 78 a person must act (the
broker refuses what the settings ask for, or one of them is wrong).
"""

import sys
import time

from confluent_kafka import KafkaError, KafkaException

from whale_platform.broker import connection_errors, topics
from whale_platform.domain.names import STREAM_POSITIONS
from whale_platform.files import disk_usage
from whale_platform.setting_values import is_local_master
from whale_platform.settings import Settings
from whale_platform.supervision.runtime import exit_codes
from whale_platform.supervision.runtime.settings_reader import read_settings

WAIT_S = 3600.0
SAY_S = 10.0
_LATER = {
    KafkaError.INVALID_REPLICATION_FACTOR: "waiting for more brokers; with fewer for good, set WHALE_TOPIC_REPLICATION"
}
_A_PERSON = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "this user may not make topics there: make them by hand, or allow it",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "this user may not make topics there: make them by hand, or allow it",
    KafkaError.POLICY_VIOLATION: "the cluster's policy forbids it",
}


def main(wait_s: float = WAIT_S) -> int:
    """Make what is missing; returns the exit code."""
    settings = read_settings("topics")
    unused = (STREAM_POSITIONS,) if is_local_master(settings.spark_master) else ()
    begun, said = time.monotonic(), False
    while not topics.is_reachable(settings.bootstrap):
        if not said and time.monotonic() - begun >= min(wait_s, SAY_S):
            said = True
            print(f"topics: {connection_errors.explain_unavailable(settings.bootstrap)}", file=sys.stderr, flush=True)
        if time.monotonic() - begun >= wait_s:
            return exit_codes.RETRY
        time.sleep(0.1)
    try:
        made = topics.create_topics(
            settings.bootstrap,
            settings.topic_partitions,
            settings.topic_replication,
            settings.topic_min_insync,
            unused,
        )
        bytes_allowed = _choose_bytes_allowed(settings)
        if bytes_allowed is not None and (changed := topics.limit_bytes(settings.bootstrap, bytes_allowed, unused)):
            print(f"topics: {bytes_allowed / 1e9:.1f} GB in all: set for {', '.join(changed)}", file=sys.stderr)
    except KafkaException as error:
        reason: KafkaError = error.args[0]
        advice = _A_PERSON.get(reason.code()) or _LATER.get(reason.code())
        print(
            f"topics: Kafka at {settings.bootstrap} refuses: {reason.str()}{f' ({advice})' if advice else ''}",
            file=sys.stderr,
        )
        return exit_codes.BLOCKED if reason.code() in _A_PERSON else exit_codes.RETRY
    print(f"topics: {'made ' + ', '.join(made) if made else 'all there'} ({settings.bootstrap})", file=sys.stderr)
    return exit_codes.CLEAN


def _choose_bytes_allowed(settings: Settings) -> int | None:
    if settings.kafka_bytes is not None:
        return int(settings.kafka_bytes)
    return disk_usage.choose_kafka_bytes(settings.home) if settings.kafka_bootstrap is None else None


if __name__ == "__main__":
    sys.exit(main())
