"""A real browser on the dashboard: from a trade's frame leaving the simulator to its row painted on the tape.

Needs what `./whale test` installs (Playwright) and Chromium; one clock for all, as everything is on one machine.
"""

import json
import shutil
import urllib.request
from datetime import datetime
from typing import Any

from whale_platform.bench.harness.latency_summary import summarise_latencies

_WATCH = """() => {
    window.painted = [];
    const told = rows => requestAnimationFrame(() => setTimeout(() => {
        for (const row of rows) painted.push([row.dataset.whale, Date.now()]);
    }));
    new MutationObserver(changes => {
        const rows = changes.flatMap(change => [...change.addedNodes]).filter(node => node.dataset?.whale);
        if (rows.length) told(rows);
    }).observe(document.querySelector("#tape-body"), {childList: true});
}"""
_LOADED = """() => ({
    first_paint_ms: performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
    bytes: [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
        .filter(one => /^\\/($|dashboard|vendor|manifest)/.test(new URL(one.name).pathname))
        .reduce((sum, one) => sum + one.encodedBodySize, 0)})"""
LOADS = 5


def measure_page(url: str, seconds: float) -> dict[str, Any]:
    """{first_paint_ms: of five cold loads, page_kb: as sent, whales_ms: to paint, heap_mb: the page's at the end}."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        loads = []
        for _ in range(LOADS):
            with browser.new_context() as context:
                page = context.new_page()
                page.goto(url)
                page.wait_for_timeout(1_500)
                loads.append(page.evaluate(_LOADED))
        page = browser.new_page()
        page.goto(url)
        page.wait_for_selector("#tape-body tr", timeout=600_000)
        page.evaluate(_WATCH)
        page.wait_for_timeout(seconds * 1000)
        painted = page.evaluate("() => painted")
        heap = page.evaluate("() => performance.memory.usedJSHeapSize")
        browser.close()
    times = _fetch_event_times(url)
    return {
        "first_paint_ms": sorted(round(one["first_paint_ms"]) for one in loads if one["first_paint_ms"]),
        "page_kb": round(loads[0]["bytes"] / 1000, 1),
        "whales_ms": summarise_latencies([at / 1000 - times[whale] for whale, at in painted if whale in times]),
        "heap_mb": round(heap / 1e6, 1),
    }


def _fetch_event_times(url: str) -> dict[str, float]:
    with urllib.request.urlopen(f"{url}/whales?limit=1000", timeout=300) as answer:
        rows = json.load(answer)["items"]
    name = "{exchange}/{symbol}/{trade_id}"
    return {name.format(**row): datetime.fromisoformat(row["event_time"]).timestamp() for row in rows}
