"""Takes the README's pictures of the dashboard from a running platform: `.venv/bin/python docs/screenshots.py [URL]`.

Needs what `./whale test` installs, Chromium, and a platform that has run for half an hour or longer; ends with an
error where no whale is on the tape.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

HERE = Path(__file__).resolve().parent
DESKTOP, PHONE = (1500, 950), (390, 844)


def main(url: str) -> None:
    """Writes docs/dashboard-*.png."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        take(browser, url, "dark", DESKTOP, "dashboard-dark")
        take(browser, url, "light", DESKTOP, "dashboard-light")
        take(browser, url, "dark", DESKTOP, "dashboard-whale", whale=True)
        take(browser, url, "dark", PHONE, "dashboard-phone")
        browser.close()


def take(browser: Browser, url: str, theme: str, size: tuple[int, int], name: str, whale: bool = False) -> None:
    """One picture; `whale`: with the context of the day's largest one open."""
    viewport = {"width": size[0], "height": size[1]}
    with browser.new_context(viewport=viewport, color_scheme=theme, device_scale_factor=1) as context:
        page = context.new_page()
        page.goto(url)
        expect(page.locator("#link")).to_have_text("● Live", timeout=30_000)
        expect(page.locator("#top-body tr" if size == DESKTOP else "#chips li").first).to_be_attached(timeout=30_000)
        page.wait_for_timeout(3_000)
        if whale:
            page.locator("#top-body tr").first.click()
            expect(page.locator("#context .lineage")).to_be_visible()
        page.screenshot(path=HERE / f"{name}.png")
        print(f"docs/{name}.png")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:18000")
