"""What the sink promises when processes die: every row, count and offset as if nothing had happened."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from whale_platform.domain.names import TRADE_WINDOWS
from whale_platform.stores.migrate import migrate
from whale_platform.supervision.runtime import exit_codes
from whale_platform_tests.sink.conftest import delete_before, recreate
from whale_platform_tests.sink.messages import growing
from whale_platform_tests.sink.real_sink import Stage, Story, chunks, rejects, until
from whale_platform_tests.support.kafka_server import KafkaServer
from whale_platform_tests.support.postgres_server import PostgresServer, query, settings_for

pytestmark = pytest.mark.process


@pytest.fixture
def frail_stage(kafka: KafkaServer, own_postgres: PostgresServer, tmp_path: Path) -> Iterator[Stage]:
    """A stage whose Postgres the test may kill."""
    dsn = own_postgres.create_database()
    migrate(settings_for(dsn, tmp_path))
    stage = Stage(kafka.bootstrap, dsn, tmp_path)
    yield stage
    if stage.alive():
        stage.end()


def test_kill_9_of_the_sink_in_mid_stream(stage: Stage) -> None:
    story = Story(seed=1)
    said = story.tell(12_000)
    for number, part in enumerate(chunks(said, 2_000)):
        stage.start()
        before = stage.stored()
        stage.produce(part)
        if number < 5:
            until(lambda before=before: stage.stored() > before, "some of it stored")  # type: ignore[misc]
            stage.end()
    stage.drained()
    assert stage.end(signal.SIGTERM) == exit_codes.CLEAN
    story.check(stage.dsn)
    assert rejects(stage.dsn) == story.rejects


def test_kill_9_of_postgres_in_mid_stream(frail_stage: Stage, own_postgres: PostgresServer) -> None:
    stage, story = frail_stage, Story(seed=2)
    pid = stage.start()
    until(lambda: stage.beat().state == "ready", "the sink ready")
    for part in chunks(story.tell(9_000), 3_000):
        before = stage.stored()
        stage.produce(part[:1_500])
        until(lambda before=before: stage.stored() > before, "some of it stored")  # type: ignore[misc]
        own_postgres.kill()
        stage.produce(part[1_500:])
        until(lambda: stage.beat().numbers.get("postgres") == "unavailable", "the beat says unavailable")
        assert stage.beat().state == "degraded"
        own_postgres.start()
    stage.drained()
    until(lambda: stage.beat().state == "ready", "the sink ready again")
    assert stage.beat().pid == pid
    story.check(stage.dsn)
    assert rejects(stage.dsn) == story.rejects


def test_kill_9_of_the_broker_in_mid_stream(stage: Stage, kafka: KafkaServer) -> None:
    story = Story(seed=3)
    pid = stage.start()
    for part in chunks(story.tell(4_000), 2_000):
        stage.produce(part)
        until(lambda: stage.stored() > 0, "some of it stored")
        kafka.kill()
        until(lambda: stage.beat().detail.startswith("waiting for Kafka"), "the beat says so")
        kafka.start()
    stage.drained()
    until(lambda: stage.beat().state == "ready", "the sink ready again")
    assert stage.beat().pid == pid
    story.check(stage.dsn)


def test_a_recreated_topic_is_read_from_its_beginning_by_the_running_sink(stage: Stage) -> None:
    stage.start()
    stage.produce([(TRADE_WINDOWS, b"k", growing("OLD", number)) for number in range(1, 50)])
    stage.drained()
    recreate(stage.bootstrap, [TRADE_WINDOWS])
    stage.produce([(TRADE_WINDOWS, b"k", growing("EARLY", 1))])
    stage.produce([(TRADE_WINDOWS, b"k", growing("NEW", number)) for number in range(1, 90)])
    told = {"OLD": 49, "EARLY": 1, "NEW": 89}
    until(lambda: dict(query(stage.dsn, "SELECT symbol, trade_count FROM trade_windows")) == told, f"windows {told}")
    stage.drained()
    losses = query(stage.dsn, "SELECT reader, first_offset, last_offset, cause FROM stream_losses ORDER BY 2")
    assert losses == [("sink", 0, None, "recreated"), ("sink", 49, None, "recreated")], "how many more, nobody knows"
    assert "was recreated" in stage.log()


def test_offsets_that_expired_while_it_was_away_are_an_exact_loss(stage: Stage) -> None:
    stage.start()
    stage.produce([(TRADE_WINDOWS, b"k", growing("A", number)) for number in range(1, 11)])
    stage.drained()
    stage.end()
    stage.produce([(TRADE_WINDOWS, b"k", growing("A", number)) for number in range(11, 31)])
    partition = query(stage.dsn, "SELECT partition FROM sink_offsets WHERE next_offset = 10")[0][0]
    assert isinstance(partition, int)
    delete_before(stage.bootstrap, TRADE_WINDOWS, partition, 25)
    stage.start()
    stage.drained()
    assert query(stage.dsn, "SELECT topic, partition, first_offset, last_offset, cause FROM stream_losses") == [
        (TRADE_WINDOWS, partition, 10, 24, "expired")
    ]
    assert query(stage.dsn, "SELECT trade_count FROM trade_windows") == [(30,)]


def test_a_second_sink_without_the_lease_stops_instead_of_writing(stage: Stage, tmp_path: Path) -> None:
    stage.start()
    until(lambda: stage.beat().state == "ready", "the sink ready")
    (tmp_path / "other").mkdir()
    other = Stage(stage.bootstrap, stage.dsn, tmp_path / "other")
    other.start()
    until(lambda: other.beat().state == "ready", "the other ready")
    stage.produce([(TRADE_WINDOWS, b"k", growing("A", number)) for number in range(1, 50)])
    until(lambda: not (stage.alive() and other.alive()), "one of the two to stop")
    loser = other if stage.alive() else stage
    stage.drained()
    assert "another sink moved the offsets" in loser.log()
    assert query(stage.dsn, "SELECT trade_count FROM trade_windows") == [(49,)]
    if other.alive():
        other.end()
