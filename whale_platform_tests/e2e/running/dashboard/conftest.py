"""Days of history of a market that no longer trades, and a page."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page

from whale_platform.bench.harness import table_history
from whale_platform.bench.harness.platform import Platform, wait_for
from whale_platform_tests.e2e.browser import keep
from whale_platform_tests.e2e.running.conftest import settings_of

DAYS = 3


@pytest.fixture(scope="package", autouse=True)
def history(platform: Platform) -> None:
    """Days of windows, and a whale of today."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    table_history.fill_tables(settings_of(platform).dsn(), now - timedelta(days=DAYS), DAYS * 1440)
    wait_for("a whale", lambda: platform.sql("select 1 from whale_alerts limit 1"))


@pytest.fixture(scope="package")
def url(platform: Platform) -> str:
    """The dashboard's address."""
    return str(platform.status()["urls"]["dashboard"])


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
