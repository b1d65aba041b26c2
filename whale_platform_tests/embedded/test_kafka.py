import signal
import subprocess
import sys
import uuid
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from whale_platform.broker import topics
from whale_platform.embedded import kafka, server_orphans
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.settings import Settings
from whale_platform.toolchain.errors import ToolchainError
from whale_platform_tests.support.embedded_servers import StartServer, free_port, port_answers, wait_until
from whale_platform_tests.support.processes import ended, suspend

pytestmark = [pytest.mark.server, pytest.mark.usefixtures("tools")]
TOPIC = "raw_crypto_trades"
QUIET = {"log_level": "0"}


def produce(bootstrap: KafkaCluster, count: int) -> None:
    producer = Producer({"bootstrap.servers": str(bootstrap), "enable.idempotence": True, **QUIET})
    for number in range(count):
        producer.produce(TOPIC, str(number).encode(), partition=0)
    assert producer.flush(60) == 0


def read_all(bootstrap: KafkaCluster, count: int) -> list[int]:
    consumer = Consumer({"bootstrap.servers": str(bootstrap), "group.id": "test", **QUIET})
    consumer.assign([TopicPartition(TOPIC, 0, 0)])
    messages = consumer.consume(count, timeout=300)
    consumer.close()
    return [int(message.value() or b"") for message in messages]


@pytest.mark.process
def test_what_was_acknowledged_outlives_kill_9_and_new_ports(settings: Settings, start: StartServer) -> None:
    kafka.prepare_broker(settings)
    broker = start(kafka.broker_command(settings), settings.kafka_port)
    topics.create_topics(settings.bootstrap, partitions=2)
    produce(settings.bootstrap, 1000)
    cluster = topics.fetch_cluster_id(settings.bootstrap)
    broker.kill()
    broker.wait()
    moved = settings.model_copy(update={"kafka_port": free_port(), "kafka_controller_port": free_port()})
    kafka.prepare_broker(moved)
    broker = start(kafka.broker_command(moved), moved.kafka_port)
    assert topics.fetch_cluster_id(moved.bootstrap) == cluster
    assert read_all(moved.bootstrap, 1000) == list(range(1000))
    broker.send_signal(kafka.STOP_SIGNAL)
    assert broker.wait(300) == 128 + signal.SIGTERM


@pytest.mark.process
def test_the_broker_ends_with_its_parent(settings: Settings) -> None:
    kafka.prepare_broker(settings)
    command = kafka.broker_command(settings)
    script = f"import subprocess, time; print(subprocess.Popen({command!r}).pid, flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        broker = psutil.Process(int(parent.stdout.readline()))
        wait_until(lambda: port_answers(settings.kafka_port), "the broker")
        parent.kill()
    wait_until(lambda: ended(broker), "the broker's end")


@pytest.mark.process
def test_a_broker_that_hangs_after_its_supervisor_is_ended(
    settings: Settings, start: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka.prepare_broker(settings)
    hung = start(kafka.broker_command(settings), settings.kafka_port)
    suspend(psutil.Process(hung.pid))
    monkeypatch.setattr(server_orphans, "GRACE_S", 0.2)
    kafka.prepare_broker(settings)
    assert hung.wait(300) == -signal.SIGKILL
    start(kafka.broker_command(settings), settings.kafka_port)


def test_a_half_made_format_is_made_anew(settings: Settings) -> None:
    half_made = settings.home / "kafka" / "data.new"
    half_made.mkdir(parents=True)
    (half_made / "meta.properties").write_text("version=1\n")
    kafka.prepare_broker(settings)
    meta = settings.home / "kafka" / "data" / "meta.properties"
    first = meta.read_text()
    assert "cluster.id=" in first
    kafka.prepare_broker(settings)
    assert meta.read_text() == first


def test_no_cluster_id_looks_like_an_option(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([uuid.UUID(bytes=b"\xf8" * 16), uuid.UUID(bytes=b"\xfb" * 16), uuid.UUID(bytes=b"\x10" * 16)])
    monkeypatch.setattr(uuid, "uuid4", lambda: next(drawn))
    kafka.prepare_broker(settings)
    meta = (settings.home / "kafka" / "data" / "meta.properties").read_text()
    assert "cluster.id=EBAQEBAQEBAQEBAQEBAQEA" in meta.replace("\\", "")


def test_a_format_that_fails_is_one_line(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "_PROPERTIES", "process.roles=nonsense\n")
    with pytest.raises(ToolchainError, match=r"could not be formatted in .*nonsense") as error:
        kafka.prepare_broker(settings)
    assert "\n" not in str(error.value)
    assert not (Path(settings.home) / "kafka" / "data").exists()
