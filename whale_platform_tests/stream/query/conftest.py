"""One Spark session for all files of this folder, which the scheduler keeps in one process."""

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from whale_platform_tests.support.spark_jvm import small_session


@pytest.fixture(scope="package")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A session in this process, whose JVM ends with the folder's tests."""
    with small_session(tmp_path_factory.mktemp("home")) as built:
        yield built
