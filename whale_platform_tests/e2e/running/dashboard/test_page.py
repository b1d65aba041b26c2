"""The page as such: what it weighs, whether everybody can use it, what is left of it without a server."""

import json
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from whale_platform.bench.harness.platform import wait_for
from whale_platform.settings import Settings
from whale_platform.toolchain import web_assets
from whale_platform_tests.e2e.browser import keep

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
BUDGET = 300_000
SIGHTS = [("dark", 1500, 950), ("light", 1500, 950), ("dark", 390, 844), ("light", 2560, 1440)]
PHONE = 390
_WEIGHT = """() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .filter(one => !/^\\/(flow|windows|rollups|whales|symbols|latest|sparklines|reports)/
        .test(new URL(one.name).pathname))
    .map(one => [new URL(one.name).pathname, one.encodedBodySize])"""


def test_the_page_is_light_and_loads_nothing_from_elsewhere(page: Page, url: str, said: list[str]) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/")
    expect(page.locator("#link")).to_have_text("● Live")
    weights = dict(page.evaluate(_WEIGHT))
    assert {"/", "/vendor/lightweight-charts.js", "/dashboard/main.js"} <= weights.keys()
    assert 50_000 < sum(weights.values()) < BUDGET
    assert all(one.startswith((url, "data:")) for one in asked)
    assert not said


@pytest.mark.parametrize(("theme", "width", "height"), SIGHTS)
def test_nothing_bars_anybody_from_it(browser: Browser, url: str, theme: Any, width: int, height: int) -> None:
    axe = web_assets.node_modules_path(Settings().tools) / "axe-core" / "axe.min.js"
    with browser.new_context(
        viewport={"width": width, "height": height}, base_url=url, color_scheme=theme, bypass_csp=True
    ) as context:
        page = context.new_page()
        page.goto("/")
        expect(page.locator("#link")).to_have_text("● Live")
        page.add_script_tag(path=axe)
        page.wait_for_timeout(1_500)
        keep(page, f"dashboard_{theme}_{width}")
        assert not serious(page)
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), "it does not scroll sideways"
        if width == PHONE:
            page.locator('.tabs [data-tab="tape"]').click()
        page.locator("#thresholds-open").click()
        expect(page.locator("#threshold-held")).to_contain_text("whale from $")
        keep(page, f"dashboard_{theme}_{width}_thresholds")
        assert not serious(page)
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), "it does not scroll sideways"
        page.keyboard.press("Escape")
        page.locator("#tape-body tr").first.click()
        expect(page.locator("#context .lineage")).to_be_visible()
        keep(page, f"dashboard_{theme}_{width}_whale")
        assert not serious(page)


KEPT = """async () => {
  const cache = await caches.open("whale-shell");
  const loaded = performance.getEntriesByType("resource").map((one) => new URL(one.name).pathname);
  const shell = ["/", ...loaded.filter((path) => /^\\/(dashboard|vendor)\\//.test(path))];
  return shell.length > 20 && (await Promise.all(shell.map((path) => cache.match(path)))).every(Boolean);
}"""


def serious(page: Page) -> list[str]:
    """What axe finds of WCAG 2.2 AA that is serious or critical."""
    found = page.evaluate("async () => (await axe.run()).violations")
    return [
        json.dumps({"id": one["id"], "nodes": [node["html"][:200] for node in one["nodes"][:5]]})
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def test_it_opens_without_a_server_and_says_so(page: Page) -> None:
    page.goto("/")
    expect(page.locator("#link")).to_have_text("● Live")
    page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    wait_for("the page to be kept", lambda: page.evaluate(KEPT), 300, 0.1)  # wait_for_function takes a promise for true
    page.context.set_offline(True)
    page.reload()
    expect(page.locator("#banner")).to_contain_text("The server does not answer")
    page.context.set_offline(False)
    expect(page.locator("#link")).to_have_text("● Live", timeout=300_000)
    manifest = page.evaluate("() => fetch('/manifest.webmanifest').then(answer => answer.json())")
    assert manifest["display"] == "standalone"
    assert {one["sizes"] for one in manifest["icons"]} >= {"192x192", "512x512"}
