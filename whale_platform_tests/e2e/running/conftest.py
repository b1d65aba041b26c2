"""One running platform for both folders: with Dagster, behind a proxy that nobody serves, and with many whales."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from whale_platform.bench.harness.platform import Platform
from whale_platform.settings import WORKERS, Settings
from whale_platform.supervision.control import service_commands
from whale_platform_tests.e2e.browser import launched
from whale_platform_tests.support.proxies import PROXIES


def settings_of(platform: Platform) -> Settings:
    """Those of the running home, as far as its database goes."""
    home = Path(platform.status()["home"])
    return Settings.model_validate({"home": home, "postgres_port": platform.env["WHALE_POSTGRES_PORT"]})


START = ("--source", "simulator", "--rate", "100")


@pytest.fixture(scope="package")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """At 100 trades a second of the exchanges that run by default; the threshold is low."""
    settings = {"WHALE_THRESHOLD_USD": "20000", **PROXIES}
    made = Platform(tmp_path_factory.mktemp("platform"), settings)
    try:
        made.start(*START)
        yield made
    finally:
        made.stop()


@pytest.fixture
def restored(platform: Platform) -> Iterator[None]:
    """For a test that stops a part of the platform: afterwards all of it runs, also where the test failed."""
    yield
    if not platform.status()["running"]:
        platform.start(*START)
    now = platform.status()
    for service in WORKERS:
        if now["services"][service]["state"] == "stopped":
            service_commands.complete_command(service_commands.start_service(Path(now["home"]), service, "the tests"))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One for all pages."""
    with launched() as made:
        yield made
