"""A store alone on a disk that fills up: it says so, and all it had acknowledged is there when space returns."""

import contextlib
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, Message, Producer

from whale_platform.broker import topics
from whale_platform.domain.names import RAW_TRADES
from whale_platform.embedded import kafka
from whale_platform.settings import Settings
from whale_platform.stores.errors import StoreUnavailableError
from whale_platform.stores.postgres.connection import connect, translate_errors
from whale_platform.toolchain.errors import ToolchainError
from whale_platform_tests.embedded.test_kafka import QUIET, read_all
from whale_platform_tests.embedded.test_postgres import ready, up
from whale_platform_tests.support.embedded_servers import StartServer, wait_until
from whale_platform_tests.support.small_disks import fill_disk

pytestmark = [pytest.mark.server, pytest.mark.process]
LEFT = 6_000_000
HELD = 2_000  # messages of 2 kB


@pytest.fixture
def settings(settings: Settings, small_disk: Path) -> Settings:
    """A home on the small disk."""
    return settings.model_copy(update={"home": small_disk / "home"})


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("small_disk", [64], indirect=True)
def test_kafka_ends_and_keeps_what_it_acknowledged(settings: Settings, small_disk: Path, start: StartServer) -> None:
    kafka.prepare_broker(settings)
    broker = start(kafka.broker_command(settings), settings.kafka_port)
    topics.create_topics(settings.bootstrap, partitions=1)
    ballast = fill_disk(small_disk, LEFT)
    patient = {"enable.idempotence": True, "message.timeout.ms": 0}  # as the ingester is
    producer = Producer({"bootstrap.servers": str(settings.bootstrap), **patient, **QUIET})
    acknowledged: list[int] = []

    def answered(error: KafkaError | None, message: Message) -> None:
        if error is None:
            acknowledged.append(int(message.value() or b""))

    number = 0
    while broker.poll() is None:
        if len(producer) < HELD:
            producer.produce(RAW_TRADES, f"{number:02000}".encode(), partition=0, on_delivery=answered)
            number += 1
        producer.poll(0 if len(producer) < HELD else 0.1)
    assert broker.returncode == 1
    assert acknowledged
    with pytest.raises(ToolchainError, match=r"the disk of .* is full: free some space"):
        kafka.prepare_broker(settings)

    ballast.unlink()
    kafka.prepare_broker(settings)
    start(kafka.broker_command(settings), settings.kafka_port)
    assert producer.flush(200) == 0, "what was held back"
    assert acknowledged == list(range(number))
    assert read_all(settings.bootstrap, number) == acknowledged


@pytest.mark.parametrize("small_disk", [128], indirect=True)
def test_postgres_refuses_and_keeps_what_it_committed(settings: Settings, small_disk: Path, start: StartServer) -> None:
    server = up(settings, start)
    with contextlib.closing(connect(settings.dsn(), "test")) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute("CREATE TABLE t (n int PRIMARY KEY, filling text)")
        ballast = fill_disk(small_disk, LEFT)
        committed = 0
        with (
            pytest.raises(StoreUnavailableError),
            translate_errors(),
        ):  # which the sink and all others wait for and try again
            while True:
                cursor.execute("INSERT INTO t VALUES (%s, repeat('x', 2000))", [committed])
                committed += 1
    assert committed
    ballast.unlink()
    wait_until(lambda: ready(settings) or server.poll() is not None, "Postgres")
    if server.poll() is not None:  # it went down altogether: its supervisor starts it again
        up(settings, start)
    with contextlib.closing(connect(settings.dsn(), "test")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*), max(n) FROM t")
        found = cursor.fetchone() or (0, 0)
        assert found[0] == found[1] + 1
        assert found[0] in (committed, committed + 1), "the last one may stand, its answer lost"
        cursor.execute("INSERT INTO t VALUES (%s, 'more')", [committed + 1])
