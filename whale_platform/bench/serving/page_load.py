"""A real browser on the dashboard: from a trade's frame leaving the simulator to its row painted on the tape.

Beside that, what an open page costs whoever looks at it: bytes it receives and the processor time of its renderer.
Needs what `./whale test` installs (Playwright) and Chromium; one clock for all, as everything is on one machine.
"""

import json
import shutil
import urllib.request
from datetime import datetime
from typing import TYPE_CHECKING, Any

import psutil

from whale_platform.bench.harness.latency_summary import summarise_latencies

if TYPE_CHECKING:
    from playwright.sync_api import Page

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
    """{first_paint_ms: of five cold loads, page_kb: as sent, whales_ms: to paint, heap_mb: the page's at the end,
    dom_nodes, client: see `_measure_client`}."""
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
        client = _measure_client(page, seconds)
        painted = page.evaluate("() => painted")
        heap = page.evaluate("() => performance.memory.usedJSHeapSize")
        nodes = page.evaluate("() => document.querySelectorAll('*').length")
        browser.close()
    times = _fetch_event_times(url)
    return {
        "first_paint_ms": sorted(round(one["first_paint_ms"]) for one in loads if one["first_paint_ms"]),
        "page_kb": round(loads[0]["bytes"] / 1000, 1),
        "whales_ms": summarise_latencies([at / 1000 - times[whale] for whale, at in painted if whale in times]),
        "heap_mb": round(heap / 1e6, 1),
        "dom_nodes": nodes,
        "client": client,
    }


def _measure_client(page: "Page", seconds: float) -> dict[str, Any]:
    """Watch the open page for `seconds`, then count what it receives for as long.

    {kb_per_s: {stream, rest}: by WebSocket, and of HTTP bodies as sent; script_share, main_thread_share,
    renderer_share: of a core}. Counting is apart because it takes processor time of the browser's own.
    """
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def look() -> tuple[float, float, float]:
        metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
        return metrics["ScriptDuration"], metrics["TaskDuration"], _read_renderer_seconds()

    before = look()
    page.wait_for_timeout(seconds * 1000)
    shares = [round((now - then) / seconds, 4) for now, then in zip(look(), before, strict=True)]
    received = {"stream": 0, "rest": 0}

    def add(kind: str, count: int) -> None:
        received[kind] += count

    session.on("Network.webSocketFrameReceived", lambda one: add("stream", len(one["response"]["payloadData"])))
    session.on("Network.dataReceived", lambda one: add("rest", one["encodedDataLength"]))
    session.send("Network.enable")
    page.wait_for_timeout(seconds * 1000)
    return {
        "kb_per_s": {kind: round(count / seconds / 1000, 1) for kind, count in received.items()},
        **dict(zip(("script_share", "main_thread_share", "renderer_share"), shares, strict=True)),
    }


def _read_renderer_seconds() -> float:
    """CPU seconds of the renderers that this process has started."""
    renderers = [one for one in psutil.Process().children(recursive=True) if "--type=renderer" in one.cmdline()]
    return sum(sum(one.cpu_times()[:2]) for one in renderers)


def _fetch_event_times(url: str) -> dict[str, float]:
    with urllib.request.urlopen(f"{url}/whales?limit=1000", timeout=300) as answer:
        rows = json.load(answer)["items"]
    name = "{exchange}/{symbol}/{trade_id}"
    return {name.format(**row): datetime.fromisoformat(row["event_time"]).timestamp() for row in rows}
