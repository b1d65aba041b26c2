"""An analyst sets a threshold on the page, by the keyboard, and the stream is given it.

That it judges what comes then is shown in stream/test_service.py, since it does so from its next checkpoint on.
"""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from whale_platform.bench.harness.platform import Platform, wait_for
from whale_platform.domain.suggestion import SuggestionRange, ThresholdChoice, ThresholdSuggestion
from whale_platform.stores.asset_tables.threshold_suggestions import store_suggestions
from whale_platform_tests.e2e.running.conftest import settings_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]
MARKET = ("sim_binance", "BTCUSDT")
PLACE, LIMITS = ":".join(MARKET), ["10000", "50000", "200000"]
CHOICES = [ThresholdChoice(10, Decimal(9_000), [9, 12]), ThresholdChoice(5, Decimal(12_000), [5, 5])]


@pytest.fixture
def suggested(platform: Platform) -> None:
    """Two amounts for one market."""
    asked = SuggestionRange(datetime.now(UTC).replace(minute=0, second=0, microsecond=0), days=2)
    found = ThresholdSuggestion(*MARKET, 10, Decimal(9_000), 48, 5_000, Decimal(90_000), CHOICES)
    store_suggestions(settings_of(platform).dsn(), asked, [found])


@pytest.mark.usefixtures("suggested")
def test_a_threshold_is_set_on_the_page_and_the_stream_is_given_it(
    page: Page, platform: Platform, said: list[str]
) -> None:
    page.goto(f"/#market={':'.join(MARKET)}")
    page.wait_for_selector("#tape-body tr")
    page.wait_for_selector("#markets-body tr")
    page.locator("#thresholds-open").focus()
    page.keyboard.press("Enter")
    held, amount, done = page.locator("#threshold-held"), page.locator("#threshold-usd"), page.get_by_role("status")
    expect(held).to_contain_text("whale from $20,000, large from $100,000, giant from $400,000; set for every market")
    expect(page.locator("#threshold-market")).to_have_value(":".join(MARKET))
    page.locator("#thresholds").get_by_role("radio").first.focus()
    page.keyboard.press("Space")
    expect(amount).to_have_value("9000")
    page.keyboard.press("ArrowDown")
    expect(amount).to_have_value("12000")
    expect(page.locator("#threshold-estimate")).to_have_text("It would have given 5 a day.")
    amount.fill("10,000")
    expect(page.locator("#threshold-estimate")).to_have_text("It would have given 5 to 10.5 a day.")
    page.locator("#threshold-giant").fill("9")
    page.keyboard.press("Enter")
    expect(page.locator("#threshold-giant-error")).to_contain_text("a larger tier begins later")
    expect(page.locator("#threshold-giant")).to_be_focused()
    assert platform.sql("select count(*) from whale_thresholds")[0][0] == "1", "nothing is set"
    page.locator("#threshold-giant").fill("")
    page.keyboard.press("Enter")
    expect(done.filter(has_text="Saved")).to_contain_text(
        "Saved for BTCUSDT on sim_binance: whale from $10,000, large from $50,000, giant from $200,000"
    )
    expect(held).to_contain_text("Now: whale from $10,000")
    given = settings_of(platform).home / "stream" / "thresholds.json"
    wait_for("the stream to be given it", lambda: json.loads(given.read_text())[-1]["limits"].get(PLACE) == LIMITS, 600)
    page.locator("#threshold-remove").click()
    expect(done.filter(has_text="Removed")).to_have_text("Removed for BTCUSDT on sim_binance.")
    expect(held).to_contain_text("set for every market")
    assert platform.sql("select threshold_usd from whale_thresholds") == [["20000"]]
    assert not [line for line in said if "422" not in line], "the refusal is all that failed"
