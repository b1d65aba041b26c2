"""Logging in at somebody else's Kafka: librdkafka's clients here, Spark's in stream/test_security.py."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaError
from pydantic import ValidationError

from whale_platform.broker import topics, writers
from whale_platform.broker.connection_errors import explain_error, explain_unavailable
from whale_platform.broker.producer import TradeProducer
from whale_platform.broker.reader import TopicReader
from whale_platform.broker.topic_offsets import TopicOffsets
from whale_platform.domain.names import RAW_TRADES
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.settings import ROOT, Settings
from whale_platform.supervision.runtime.settings_reader import describe_setting_error
from whale_platform_tests.support.certificates import Authority
from whale_platform_tests.support.kafka_server import skip_without_jars
from whale_platform_tests.support.secure_kafka import KINDS, PASSWORD, SecureKafka


def settings(environment: dict[str, str], **more: object) -> Settings:
    given = {name.removeprefix("WHALE_").lower(): value for name, value in environment.items()}
    return Settings.model_validate({**given, **more})


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    skip_without_jars()
    server = SecureKafka(tmp_path_factory.mktemp("secure"))
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.mark.server
@pytest.mark.parametrize("kind", KINDS)
def test_every_client_logs_in(secure: SecureKafka, kind: str) -> None:
    cluster = settings(secure.environment(kind)).bootstrap
    topics.create_topics(cluster, 2)
    producer = TradeProducer(cluster, "test", writer=kind)
    producer.claim(300)
    producer.send(RAW_TRADES, b"k", kind.encode())
    assert producer.close(30) == 0
    writers.register_writer(cluster, kind)
    assert kind in writers.list_writers(cluster)
    writers.fence_writer(cluster, kind)
    reader = TopicReader(cluster, "test")
    try:
        values = [
            record.value
            for part in reader.list_partitions(RAW_TRADES)
            for record in reader.scan(RAW_TRADES, part, *reader.bounds(RAW_TRADES, part))
        ]
    finally:
        reader.close()
    assert kind.encode() in values
    edges = TopicOffsets(cluster, {RAW_TRADES: [0, 1]}).read()[RAW_TRADES]
    assert sum(end for _, end in edges.values()) == 2 * len(values), "a marker each"
    assert topics.fetch_cluster_id(cluster) == topics.fetch_cluster_id(secure.bootstrap)


def test_a_right_that_is_lacking_is_said() -> None:
    cluster = KafkaCluster("kafka:9093", user="whale")
    said = explain_error(cluster, KafkaError.GROUP_AUTHORIZATION_FAILED, "Broker: Group authorization failed")
    assert said is not None and "(Broker: Group authorization failed): give it the rights" in said


@pytest.mark.server
def test_a_refusal_says_what_to_set(secure: SecureKafka, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "stranger")
    theirs = stranger.pair("client")
    tls, named, plain = (secure.environment(kind) for kind in ("ssl", "sasl_ssl", "sasl_plaintext"))
    cases: list[tuple[dict[str, str], str]] = [
        (
            {**plain, "WHALE_KAFKA_PASSWORD": "wrong"},
            "refuses the log-in by PLAIN: check WHALE_KAFKA_USER",
        ),
        ({**named, "WHALE_KAFKA_SASL": "PLAIN"}, "by PLAIN (it offers SCRAM-SHA-512): check WHALE_KAFKA_USER"),
        ({**named, "WHALE_KAFKA_USER": "nobody"}, "refuses the log-in by SCRAM-SHA-512: check WHALE_KAFKA_USER"),
        (
            {**tls, "WHALE_KAFKA_CA": str(stranger.ca)},
            f"signed by an authority in {stranger.ca}, set by WHALE_",
        ),
        ({**tls, "WHALE_KAFKA_CA": ""}, "not signed by an authority of this system: set WHALE_KAFKA_CA"),
        (
            {**tls, "WHALE_KAFKA_BOOTSTRAP": secure.environment("mutual")["WHALE_KAFKA_BOOTSTRAP"]},
            "asks for a client certificate: set WHALE_KAFKA_CERTIFICATE and WHALE_KAFKA_KEY",
        ),
        (
            {
                **secure.environment("mutual"),
                "WHALE_KAFKA_CERTIFICATE": str(theirs.certificate),
                "WHALE_KAFKA_KEY": str(theirs.key),
            },
            "refuses the client certificate that WHALE_KAFKA_CERTIFICATE names",
        ),
        (
            {**tls, "WHALE_KAFKA_BOOTSTRAP": str(secure.bootstrap)},
            "does not speak TLS as WHALE_KAFKA_SECURITY=ssl",
        ),
    ]
    for environment, expected in cases:
        cluster = settings({name: value for name, value in environment.items() if value}).bootstrap
        assert not topics.is_reachable(cluster, 3.0)
        assert expected in explain_unavailable(cluster)
        assert PASSWORD not in explain_unavailable(cluster) + repr(cluster)
        assert "wrong" not in explain_unavailable(cluster) + repr(cluster)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"SECURITY": "sasl_ssl"}, "logs in by name: set WHALE_KAFKA_USER and WHALE_KAFKA_PASSWORD or WHALE_KAFKA_P"),
        ({"SECURITY": "ssl", "USER": "whale"}, "logs nobody in by name: set sasl_ssl, or unset WHALE_KAFKA_USER"),
        ({"USER": "whale"}, "logs nobody in by name: set sasl_ssl, or unset WHALE_KAFKA_USER"),
        ({"CA": "/ca.pem"}, "is not encrypted, so it takes no certificates: set ssl or sasl_ssl"),
        ({"SECURITY": "ssl", "CA": "/none/ca.pem"}, "WHALE_KAFKA_CA: /none/ca.pem can't be read: No such file"),
        ({"SECURITY": "ssl", "CA": __file__}, "has no certificate in PEM form"),
        ({"SECURITY": "ssl", "KEY": "/k.pem"}, "set both WHALE_KAFKA_CERTIFICATE and WHALE_KAFKA_KEY"),
        (
            {"SECURITY": "sasl_ssl", "USER": "w", "PASSWORD_FILE": "/none/secret"},
            "_PASSWORD_FILE: /none/secret",
        ),
        (
            {"SECURITY": "sasl_ssl", "USER": "w", "PASSWORD": "hush", "PASSWORD_FILE": "/none/secret"},
            "given twice: unset WHALE_KAFKA_PASSWORD or WHALE_KAFKA_PASSWORD_FILE",
        ),
        ({"SECURITY": "ssl", "BOOTSTRAP": None}, "the embedded broker speaks plaintext: name yours"),
    ],
)
def test_settings_that_can_not_log_in_are_refused(environment: dict[str, str | None], expected: str) -> None:
    given = {"kafka_bootstrap": "kafka:9093"} | {f"kafka_{name.lower()}": text for name, text in environment.items()}
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate(given)
    line = describe_setting_error(refused.value)
    assert line.startswith("WHALE_KAFKA_SECURITY=")
    assert expected in line
    assert "hush" not in line


def test_a_key_that_java_does_not_take_is_refused_with_the_command_that_mends_it(tmp_path: Path) -> None:
    pair = Authority(tmp_path).pair("client")
    pair.key.write_text(pair.key.read_text().replace("PRIVATE KEY", "EC PRIVATE KEY"))
    with pytest.raises(ValidationError, match="openssl pkcs8 -topk8 -nocrypt -in"):
        settings(
            {
                "WHALE_KAFKA_BOOTSTRAP": "kafka:9093",
                "WHALE_KAFKA_SECURITY": "ssl",
                "WHALE_KAFKA_CERTIFICATE": str(pair.certificate),
                "WHALE_KAFKA_KEY": str(pair.key),
            }
        )


def test_a_child_process_gets_the_file_and_not_the_password(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hush\n")
    made = settings(
        {
            "WHALE_KAFKA_BOOTSTRAP": "kafka:9093",
            "WHALE_KAFKA_SECURITY": "sasl_plaintext",
            "WHALE_KAFKA_USER": "whale",
            "WHALE_KAFKA_PASSWORD_FILE": str(secret),
        }
    )
    assert made.bootstrap.password == "hush"
    handed_on = made.environment()
    assert handed_on["WHALE_KAFKA_PASSWORD_FILE"] == str(secret)
    assert "hush" not in f"{handed_on}{made!r}{made.bootstrap!r}{made.bootstrap}{made.bootstrap.spark_options()}"
    assert settings(handed_on).bootstrap == made.bootstrap


def test_no_client_is_configured_anywhere_else() -> None:
    named = re.compile(r"""["'](kafka\.)?(bootstrap\.servers|security\.protocol|sasl\.|ssl\.)""")
    peers = ROOT / "whale_platform/bench/peers/programs"  # which import nothing of the platform
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "whale_platform").rglob("*.py")
        if named.search(path.read_text()) and path.parent != peers
    }
    assert found == {"whale_platform/kafka_cluster.py"}
