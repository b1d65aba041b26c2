"""The stream service for the tests of this room."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from whale_platform.broker import topics
from whale_platform.settings import StreamMode
from whale_platform_tests.kafka_server import KafkaServer as Kafka
from whale_platform_tests.stream.running import Stream


@pytest.fixture
def stream(kafka: Kafka, tmp_path: Path) -> Iterator[Callable[[StreamMode], Stream]]:
    topics.ensure(kafka.bootstrap, 2)
    made: list[Stream] = []

    def make(mode: StreamMode, *program: str) -> Stream:
        made.append(Stream(tmp_path, kafka.bootstrap, mode))
        made[-1].program = program or made[-1].program
        return made[-1].start()

    yield make
    for item in made:
        if item.process is not None and item.process.poll() is None:
            item.kill()
