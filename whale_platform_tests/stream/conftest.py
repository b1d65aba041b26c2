"""The stream service and a Spark session for the tests of this room."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from whale_platform.broker import naming, topics
from whale_platform.settings import Settings, StreamMode
from whale_platform.stream.spark import archive
from whale_platform.topology import archive_thread
from whale_platform_tests.stream.real_stream import Stream
from whale_platform_tests.support.kafka_server import KafkaServer as Kafka
from whale_platform_tests.support.spark_jvm import small_session


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
    make_driver_archive(tmp_path)


def make_driver_archive(home: Path) -> None:
    """Make the driver's class data archive, where it is missing, of what the last one in `home` has listed.

    A platform does so after some minutes. The next streams start with it; where it can't be made, without.
    """
    tools = Settings().tools
    if not archive.find_archive(tools).is_settled():
        subprocess.run([*archive_thread.SPARK_MAKER, tools, home], check=False)


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A session in this process, whose JVM ends with the file's tests."""
    with small_session(tmp_path_factory.mktemp("home")) as built:
        yield built
