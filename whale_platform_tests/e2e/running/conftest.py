"""One running platform for both folders: with Dagster, behind a proxy that nobody serves, and with many whales."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from whale_platform.bench.harness.platform import Platform
from whale_platform.exchanges.registry import EXCHANGES
from whale_platform.settings import Settings
from whale_platform_tests.e2e.browser import launched
from whale_platform_tests.support.proxies import PROXIES


def settings_of(platform: Platform) -> Settings:
    """Those of the running home, as far as its database goes."""
    home = Path(platform.status()["home"])
    return Settings.model_validate({"home": home, "postgres_port": platform.env["WHALE_POSTGRES_PORT"]})


@pytest.fixture(scope="package")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """At 100 trades a second of all exchanges; the threshold is low."""
    settings = {"WHALE_THRESHOLD_USD": "20000", "WHALE_EXCHANGES": ",".join(EXCHANGES), **PROXIES}
    made = Platform(tmp_path_factory.mktemp("platform"), settings)
    try:
        made.start("--source", "simulator", "--rate", "100")
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One for all pages."""
    with launched() as made:
        yield made
