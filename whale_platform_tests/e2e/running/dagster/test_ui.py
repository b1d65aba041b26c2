"""Dagster's UI as a person uses it, in a headless browser."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Response, expect

from whale_platform.bench.harness.platform import Platform, wait_for
from whale_platform_tests.e2e.browser import keep
from whale_platform_tests.e2e.running.dagster.conftest import SYMBOLS, key
from whale_platform_tests.e2e.running.dagster.webserver import MATERIALISED, ask, runs
from whale_platform_tests.stores.builders import WINDOW

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def context(browser: Browser, url: str) -> Iterator[BrowserContext]:
    """One for all pages, since the UI's script is large and is kept compiled."""
    with browser.new_context(viewport={"width": 1500, "height": 950}, base_url=url) as made:
        yield made


@pytest.fixture
def page(context: BrowserContext, url: str) -> Iterator[Page]:
    """A page whose last sight is kept; none of its requests may be refused, nor go to another machine."""
    wrong: list[str] = []

    def look(answer: Response) -> None:
        if answer.status in (403, 421):
            wrong.append(f"{answer.status} {answer.url}")

    def elsewhere(request: Request) -> None:
        if not request.url.startswith((url, "data:", "blob:")):
            wrong.append(f"asks {request.url}")

    with context.new_page() as made:
        made.on("response", look)
        made.on("request", elsewhere)
        made.set_default_timeout(300_000)
        yield made
        keep(made, "last_sight")
    assert wrong == []


def test_the_lineage_leads_from_the_exchanges_to_the_report(page: Page) -> None:
    page.goto("/assets/whale_reports?view=lineage&lineageScope=upstream&lineageDepth=5")
    for name in ("sim_binance", "sim_coinbase", "raw_crypto_trades", "whale_thresholds", "trade_windows"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible(timeout=300_000)
    keep(page, "lineage")


def test_a_backfill_of_several_hours_is_launched_and_finishes_as_one_run(
    page: Page, platform: Platform, url: str, hours: list[datetime]
) -> None:
    wanted = hours[:-1]
    first, last = key(wanted[0]), key(wanted[-1])
    before = {run["runId"] for run in runs(url)}
    page.goto("/assets/hourly_rollups")
    page.get_by_role("button", name="Materialize").first.click()
    chosen = page.get_by_placeholder("partitions")
    chosen.fill(f"[{first}...{last}]")
    chosen.press("Enter")
    expect(page.get_by_text(f"{len(wanted)} partitions", exact=True).first).to_be_visible()
    keep(page, "backfill")
    page.get_by_role("button", name="Launch backfill").click()

    def states() -> dict[str, str]:
        new = [run for run in runs(url) if run["runId"] not in before and run["jobName"] == "__ASSET_JOB"]
        return {run["runId"]: run["status"] for run in new}

    def made() -> list[str]:
        return [run for run, state in states().items() if state == "SUCCESS"]

    wait_for("the backfill's run", made, moves=states)
    assert len(made()) == 1
    stats = ask(url, MATERIALISED, {"run": made()[0]})["runOrError"]["stats"]
    assert stats["materializations"] == len(wanted)
    between = f"hour between '{wanted[0]}' and '{wanted[-1]}'"  # a schedule may have made some of them once more
    ours = f"exchange = '{WINDOW.exchange}' and {between}"
    assert platform.sql(f"select count(*) from hourly_rollups where {ours}") == [[str(len(wanted) * len(SYMBOLS))]]
    page.goto(f"/assets/hourly_rollups?partition={last}")
    expect(page.get_by_text("Latest materialization").first).to_be_visible()
    page.wait_for_timeout(2000)
    keep(page, "hourly_rollups")


@pytest.mark.usefixtures("restored")
def test_a_service_is_stopped_and_started(page: Page, platform: Platform) -> None:
    def is_(state: str) -> bool:
        return bool(platform.status()["services"]["sink"]["state"] == state)

    for act, then in (("stop", "stopped"), ("start", "ready")):
        page.goto(f"/locations/whale_platform/jobs/sink_{act}/playground")
        page.get_by_role("button", name="Launch Run").click()
        wait_for(f"the sink to be {then}", partial(is_, then))
        page.goto(f"/locations/whale_platform/jobs/sink_{act}/runs")
        expect(page.get_by_text("Success").first).to_be_visible(timeout=300_000)
        keep(page, f"sink_{act}")
