"""Takes the pictures of the dashboard: `.venv/bin/python docs/screenshots.py TRADES.csv CAPTURE…`.

It replays an hour of real trades in a platform of its own, which takes five minutes or longer, and the ports of a
platform. Needs what `./whale test` installs, and Chromium. docs/guides/dashboard.md has the files.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from playwright.sync_api import Browser, expect, sync_playwright
from recent_recording import write_recordings

from whale_platform.settings import Settings

HERE = Path(__file__).resolve().parent
DESKTOP, PHONE = (1500, 950), (390, 844)
MARKET = "#market=coinbase:BTC-USD"
# The hour's trades come late, all at once; and it was a quiet hour.
SETTINGS = {"WHALE_STREAM_WATERMARK": "2 hours", "WHALE_THRESHOLD_USD": "25000"}
LIVE_MINUTES = 5


def main(trades: Path, captures: list[Path]) -> None:
    """Writes docs/dashboard-*.png."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    url = f"http://127.0.0.1:{Settings().api_port}"
    with replay(trades, captures), sync_playwright() as playwright:
        while count_live_minutes(url) < LIVE_MINUTES:
            time.sleep(1)
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        take(browser, url, "dark", DESKTOP, "dashboard-dark")
        take(browser, url, "light", DESKTOP, "dashboard-light")
        take(browser, url, "dark", DESKTOP, "dashboard-whale", whale=True)
        take(browser, url, "dark", PHONE, "dashboard-phone")
        browser.close()


@contextmanager
def replay(trades: Path, captures: list[Path]) -> Iterator[None]:
    """A platform that replays these trades, in a home that is deleted in the end."""
    with tempfile.TemporaryDirectory() as home:
        files = write_recordings(trades, captures, Path(home))
        options = [option for file in files for option in ("--file", str(file))]
        whale, environment = str(HERE.parent / "whale"), {**os.environ, **SETTINGS, "WHALE_HOME": f"{home}/home"}
        try:
            subprocess.run([whale, "up", "--detach", "--source", "replay", *options], env=environment, check=True)
            yield
        finally:
            subprocess.run([whale, "down"], env=environment, check=False)


def count_live_minutes(url: str) -> int:
    """In how many minutes Binance's trades have been live."""
    with urlopen(f"{url}/windows?exchange=binance") as response:
        return len({window["window_start"] for window in json.load(response)["items"]})


def take(browser: Browser, url: str, theme: str, size: tuple[int, int], name: str, whale: bool = False) -> None:
    """One picture; `whale`: with the context of the day's largest one open."""
    viewport = {"width": size[0], "height": size[1]}
    with browser.new_context(viewport=viewport, color_scheme=theme, device_scale_factor=1) as context:
        page = context.new_page()
        page.goto(f"{url}/{MARKET}")
        expect(page.locator("#link")).to_have_text("● Live", timeout=30_000)
        expect(page.locator("#top-body tr" if size == DESKTOP else "#chips li").first).to_be_attached(timeout=30_000)
        page.wait_for_timeout(3_000)
        if whale:
            page.locator("#top-body tr").first.click()
            expect(page.locator("#context .lineage")).to_be_visible()
        page.screenshot(path=HERE / f"{name}.png")
        print(f"docs/{name}.png")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
