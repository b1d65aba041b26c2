"""The documents name what exists: pages, headings, files of this checkout, tests."""

import re
from pathlib import Path

import pytest

from whale_platform.settings import ROOT

PAGES = sorted(path.relative_to(ROOT) for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")))
THERE = [page for page in PAGES if page.name != "CHANGELOG.md"]  # which names what was, too
LINK = re.compile(r"\]\(([^)\s]+)\)")
FILE = re.compile(r"`((?:whale_platform|whale_platform_tests|docs|deploy|\.ci)/[\w./-]*)")
CODE = re.compile(r"```[\s\S]*?```")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """As a forge makes them of headings: lower case, no punctuation, hyphens for spaces."""
    headings = HEADING.findall(CODE.sub("", (ROOT / page).read_text()))
    texts = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.strip().lower()) for heading in headings)
    return {re.sub(r"[^\w\- ]", "", text).replace(" ", "-") for text in texts}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    wrong = []
    for link in LINK.findall((ROOT / page).read_text()):
        target, _, anchor = link.partition("#")
        if target.startswith(("http:", "https:", "mailto:")):
            continue
        there = page.parent / target if target else page
        if not (ROOT / there).exists() or (anchor and anchor not in anchors(there)):
            wrong.append(link)
    assert wrong == []


@pytest.mark.parametrize("page", THERE, ids=str)
def test_files_that_are_named_exist(page: Path) -> None:
    named = FILE.findall((ROOT / page).read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []
