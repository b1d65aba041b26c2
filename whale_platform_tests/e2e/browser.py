"""A headless browser for tests of pages; screenshots stay in `WHALE_ARTEFACTS`, where that is set."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

expect.set_options(timeout=300_000)  # a machine with more to do is no fault of the page
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextmanager
def launched() -> Iterator[Browser]:
    """Chromium; skips the test where there is none."""
    if CHROMIUM is None:
        pytest.skip("no browser here: install Debian's package `chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def keep(page: Page, name: str) -> None:
    """A screenshot beside the other artefacts."""
    if folder := os.environ.get("WHALE_ARTEFACTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png")
