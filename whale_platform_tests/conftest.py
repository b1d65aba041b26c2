"""Fixtures that several rooms share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from whale_platform import proxy_bypass
from whale_platform_tests.support.kafka_server import KafkaServer, start_kafka
from whale_platform_tests.support.s3_server import S3Server
from whale_platform_tests.support.small_disks import mount_disk

settings.register_profile("unhurried", deadline=None)  # properties are judged by what they find, not by how fast
settings.load_profile("unhurried")
proxy_bypass.bypass_proxies()  # whoever runs the tests behind a proxy has servers on this machine all the same
PLATFORMS = "platforms"
WHOLE = (
    "whale_platform_tests/e2e/",
    "whale_platform_tests/bootstrap/test_fresh_clone.py",
    "whale_platform_tests/compose/test_native_run.py",
)
SLOW = [  # with the first, whose tests are short, begins what the others' streams start with: their class data archive
    f"whale_platform_tests/stream/test_{name}.py"
    for name in ("lake", "kills", "cluster", "damages", "service", "switching")
]
ONE_SPARK = "whale_platform_tests/stream/query/"
SERVERS = {"kafka_session", "postgres_server", "own_postgres", "s3_session"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark whoever uses a real server `server`, so that the fast part starts none; before -m chooses.

    A test whose fixture is defined nowhere ends the run here, however few of the tests were to run.
    """
    for item in items:
        if not isinstance(item, pytest.Function):
            continue
        if SERVERS.intersection(item.fixturenames):
            item.add_marker("server")
        if missing := set(item.fixturenames) - {"request"} - item._fixtureinfo.name2fixturedefs.keys():
            raise pytest.UsageError(f"{item.nodeid} needs {', '.join(sorted(missing))}, which no fixture defines")


class Together(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps the tests of a file in one process, since they share servers, and those that share Spark's driver.

    All that start the whole platform are one process's, and the first it begins: two platforms at once are slower on
    two processors than one after the other. Another begins with the slow ones, so that none is left over at the end.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.startswith(WHOLE):
            return PLATFORMS
        return ONE_SPARK if file.startswith(ONE_SPARK) else file

    def _assign_work_unit(self, node: Any) -> None:
        first = next((scope for scope in (PLATFORMS, *SLOW) if scope in self.workqueue), None)
        if first is not None:
            self.workqueue.move_to_end(first, last=False)
        super()._assign_work_unit(node)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    """Whose turn it is where tests run side by side."""
    return Together(config, log)


@pytest.fixture(scope="session")
def kafka_session() -> Iterator[KafkaServer]:
    """One broker for the whole run."""
    server = start_kafka()
    yield server
    server.close()


@pytest.fixture
def kafka(kafka_session: KafkaServer) -> KafkaServer:
    """A running broker with empty topics."""
    kafka_session.fresh_topics()
    return kafka_session


@pytest.fixture(scope="session")
def s3_session() -> Iterator[S3Server]:
    """One object store for the whole run; each test has a prefix of its own."""
    server = S3Server()
    yield server
    server.close()


@pytest.fixture
def s3(s3_session: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The object store, and settings by which all that is shared lies there, under the test's own prefix."""
    for name, value in s3_session.environment(tmp_path.name).items():
        monkeypatch.setenv(name, value)
    return s3_session


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A disk of 8 MB, or of as many as the test's parameter says."""
    with mount_disk(tmp_path / "disk", getattr(request, "param", 8)) as place:
        yield place
