"""The house itself: what a reader may rely on in any room."""

import ast
from collections import defaultdict
from pathlib import Path

from whale_platform.settings import ROOT

MODULES = sorted((ROOT / "whale_platform").rglob("*.py"))


def classes(path: Path) -> list[str]:
    return [node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)]


def test_no_class_name_stands_twice() -> None:
    """A name that a reader, a search or a trace shows means one class."""
    where: dict[str, list[str]] = defaultdict(list)
    for path in MODULES:
        for name in classes(path):
            where[name].append(str(path.relative_to(ROOT)))
    assert {name: paths for name, paths in where.items() if len(paths) > 1} == {}
