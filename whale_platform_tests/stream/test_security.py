"""Spark's source and sink at a Kafka with TLS and SASL: every kind, and no secret where others may look."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from whale_platform.broker import topics
from whale_platform.broker.producer import TradeProducer
from whale_platform.broker.reader import TopicReader
from whale_platform.domain.names import RAW_TRADES, TRADE_WINDOWS
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.settings import Settings
from whale_platform.stream.query import diagnosis
from whale_platform_tests.support.kafka_server import environment, skip_without_jars
from whale_platform_tests.support.secure_kafka import SecureKafka

IN_ONE_JVM = (("ssl", "mutual", "sasl_ssl"), ("sasl_plaintext",))  # a JVM has one log-in


def count(cluster: KafkaCluster, topic: str) -> int:
    reader = TopicReader(cluster, "test")
    try:
        return sum(reader.bounds(topic, part)[1] for part in reader.list_partitions(topic))
    finally:
        reader.close()


@pytest.mark.server
@pytest.mark.timeout(1800)
def test_spark_reads_and_writes_by_every_log_in_and_shows_no_secret(tmp_path: Path) -> None:
    skip_without_jars()
    server = SecureKafka(tmp_path / "secure")
    try:
        server.start()
        topics.create_topics(server.bootstrap, 2)
        producer = TradeProducer(server.bootstrap, "test")
        for number in range(100):
            producer.send(RAW_TRADES, str(number).encode(), b"{}")
        assert producer.close(60) == 0
        written = 0
        for kinds in IN_ONE_JVM:
            home = tmp_path / kinds[0]
            command = [sys.executable, "-P", "-m", "whale_platform_tests.stream.kafka_round", str(home)]
            given = "".join(json.dumps(server.environment(kind)) + "\n" for kind in kinds)
            done = subprocess.run(command, env=environment(Settings()), input=given, text=True, capture_output=True)
            assert done.returncode == 0, done.stderr[-5000:]
            rounds = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
            ports = [f"127.0.0.1:{server.ports[kind]}" for kind in kinds]
            assert rounds == [{"servers": port, "leaked": []} for port in ports]
            assert "quoted" not in done.stderr  # of the password
            written += 100 * len(kinds)
            assert count(server.bootstrap, TRADE_WINDOWS) == written
    finally:
        server.close()


@pytest.mark.parametrize(
    "error",
    [
        "org.apache.kafka.common.errors.SaslAuthenticationException: Authentication failed during authentication",
        "org.apache.kafka.common.errors.SslAuthenticationException: SSL handshake failed",
        "org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized to access topics",
        "org.apache.kafka.common.config.ConfigException: Could not resolve",
    ],
)
def test_a_refused_log_in_costs_no_checkpoint(error: str) -> None:
    trace = f"StreamingQueryException: {error}\n at MicroBatchExecution.populateStartOffsets\nSTATE_STORE"
    assert diagnosis.is_environmental(trace)
    assert diagnosis.classify_failure(trace) is None
