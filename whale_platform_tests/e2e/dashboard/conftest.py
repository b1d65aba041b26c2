"""One running platform for the folder, Dagster left out, with days of history of a market that no longer trades."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from whale_platform.bench.harness import table_history
from whale_platform.bench.harness.platform import Platform, wait_for
from whale_platform.settings import Settings
from whale_platform_tests.e2e.browser import keep, launched

DAYS = 3


@pytest.fixture(scope="package")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """At 100 trades a second, with many whales: the threshold is low."""
    made = Platform(tmp_path_factory.mktemp("platform"), {"WHALE_DAGSTER": "false", "WHALE_THRESHOLD_USD": "20000"})
    try:
        made.start("--source", "simulator", "--rate", "100")
        now = datetime.now(UTC).replace(second=0, microsecond=0)
        home = Path(made.status()["home"])
        settings = Settings.model_validate({"home": home, "postgres_port": made.env["WHALE_POSTGRES_PORT"]})
        table_history.fill_tables(settings.dsn(), now - timedelta(days=DAYS), DAYS * 1440)
        wait_for("a whale", lambda: made.sql("select 1 from whale_alerts limit 1"))
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="package")
def url(platform: Platform) -> str:
    """The dashboard's address."""
    return str(platform.status()["urls"]["dashboard"])


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One for all pages."""
    with launched() as made:
        yield made


@pytest.fixture
def said() -> list[str]:
    """What the page's console said of errors, refusals of the content security policy among them."""
    return []


@pytest.fixture
def page(browser: Browser, url: str, said: list[str], request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page without a past, whose last sight is kept."""
    context = browser.new_context(viewport={"width": 1500, "height": 950}, base_url=url)
    made = context.new_page()
    made.set_default_timeout(300_000)
    made.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    made.on("pageerror", lambda error: said.append(str(error)))
    yield made
    keep(made, request.node.name)
    context.close()
