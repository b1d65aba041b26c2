"""The documents name what exists: pages, headings, files of this checkout, tests."""

import ast
import re
import tokenize
from io import StringIO
from pathlib import Path

import pytest

from whale_platform.settings import ROOT

PAGES = sorted(path.relative_to(ROOT) for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")))
THERE = [page for page in PAGES if page.name != "CHANGELOG.md"]  # which names what was, too
LINK = re.compile(r"\]\(([^)\s]+)\)")
FILE = re.compile(r"`((?:whale_platform|whale_platform_tests|docs|deploy|\.ci)/[\w./-]*)")
CODE = re.compile(r"```[\s\S]*?```")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


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


def names_in(file: Path) -> set[str]:
    """What a module defines, methods as `Class.method`; of a script each word."""
    text = file.read_text()
    if file.suffix != ".py":
        return set(re.findall(r"\w+", text))
    found: set[str] = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign):
            found.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
            methods = node.body if isinstance(node, ast.ClassDef) else []
            found.update(f"{node.name}.{method.name}" for method in methods if isinstance(method, DEFINITIONS))
    return found


def test_the_steps_of_a_trade_s_way_exist() -> None:
    page = (ROOT / "docs/developing/way-of-a-trade.md").read_text()
    steps = re.findall(r"`([\w/-]+\.(?:py|js))`(?:\s+`([\w.]+)`)?", page)
    assert len(steps) >= 40
    package = ROOT / "whale_platform"
    assert [file for file, _ in steps if not (package / file).exists()] == []
    assert [(file, name) for file, name in steps if name and name not in names_in(package / file)] == []


def code_names(source: str) -> set[str]:
    """The names in the code of a class, its bases among them, without its texts and comments."""
    tokens = tokenize.generate_tokens(StringIO(source).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME}


def test_the_members_that_comments_name_exist() -> None:
    """`Class.member` of the package, wherever its code speaks of one."""
    texts = {file.relative_to(ROOT): file.read_text() for file in sorted((ROOT / "whale_platform").rglob("*.py"))}
    names: dict[str, set[str]] = {}
    bases: dict[str, list[str]] = {}
    for text in texts.values():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef):
                names[node.name] = code_names(ast.get_source_segment(text, node) or "")
                bases[node.name] = [ast.unparse(base) for base in node.bases]

    def has(owner: str, name: str) -> bool:
        """A base of another package may have it."""
        if owner not in names or name in names[owner]:
            return True
        return any(has(base, name) for base in bases[owner] if base not in ("NamedTuple", "Protocol"))

    spoken = [(file, *found) for file, text in texts.items() for found in re.findall(r"`([A-Z]\w+)\.(\w+)", text)]
    assert len(spoken) > 15
    assert [f"{file}: {owner}.{name}" for file, owner, name in spoken if not has(owner, name)] == []
