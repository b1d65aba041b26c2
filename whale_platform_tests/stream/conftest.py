"""The stream service for the tests of this room."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from whale_platform.broker import naming, topics
from whale_platform.settings import StreamMode
from whale_platform_tests.stream.real_stream import Stream
from whale_platform_tests.support.kafka_server import KafkaServer as Kafka


@pytest.fixture
def stream(kafka: Kafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[StreamMode], Stream]]:
    """On a broker that it shares with others, so under a prefix; the topics without one are there too."""
    monkeypatch.setenv("WHALE_KAFKA_PREFIX", "team.")
    naming.read_prefix.cache_clear()
    topics.create_topics(kafka.bootstrap, 2)
    made: list[Stream] = []

    def make(mode: StreamMode, *program: str) -> Stream:
        made.append(Stream(tmp_path, kafka.bootstrap, mode))
        made[-1].program = program or made[-1].program
        return made[-1].start()

    yield make
    for item in made:
        if item.process is not None and item.process.poll() is None:
            item.kill()
    monkeypatch.undo()
    naming.read_prefix.cache_clear()
