"""settings.md: each field of `Settings` with its type and default; its comment, beside or above it, is its meaning.

The exchanges' addresses are fields that the registry brings; their descriptions are their meanings.
"""

import ast
import re
import tokenize
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any, get_args

from pydantic import ByteSize
from pydantic.fields import FieldInfo

from whale_platform import settings
from whale_platform.cli.lifecycle.machine_checks import SET_UP
from whale_platform.settings import ROOT, Settings
from whale_platform_tests.references.markdown import code, kind_of, page, table

ABOUT = """Environment variables, or lines of the file `.env` in the folder in which `./whale` is run. A variable that
is set and empty counts as unset. What ends in `_S` is in seconds, in `_USD` in US dollars. Lists have commas between
their parts; memory is such as `768m` or `2g`."""
COLUMNS = ("variable", "type", "default", "meaning")
ADDRESSES = """Where the exchanges are, for the source `live`; `WHALE_EXCHANGES` may name each of them:"""
BESIDE = """These, and `WHALE_TOOLS` where the set-up needs it, are read from the environment alone, not from `.env`:"""


def render() -> str:
    """Return the page."""
    own = set(meanings())
    return page(
        "Settings",
        ABOUT,
        table(COLUMNS, _rows(own)),
        ADDRESSES,
        table(COLUMNS, _rows(Settings.model_fields.keys() - own)),
        BESIDE,
        table(("variable", "meaning"), [(code(name), meaning) for name, meaning in SET_UP.items()]),
    )


def _rows(names: Set[str]) -> list[tuple[str, str, str, str]]:
    told, shapes = meanings(), Settings.model_json_schema()["properties"]
    return [
        (
            code(_variable(name)),
            _kind(field, shapes[name]),
            _default(field),
            _named(told.get(name) or field.description or ""),
        )
        for name, field in Settings.model_fields.items()
        if name in names
    ]


def meanings() -> dict[str, str]:
    """Return the comments of the fields that `Settings` writes down: those above it and the one beside it."""
    path = Path(settings.__file__)
    with path.open("rb") as file:
        comments = {
            token.start[0]: token for token in tokenize.tokenize(file.readline) if token.type == tokenize.COMMENT
        }
    found = {}
    for field in _fields(path):
        lines, above = [field.lineno], field.lineno - 1
        while above in comments and comments[above].line.lstrip().startswith("#"):
            lines.insert(0, above)
            above -= 1
        texts = [comments[line].string.lstrip("# ") for line in lines if line in comments]
        assert isinstance(field.target, ast.Name)
        found[field.target.id] = " ".join(texts)
    return found


def _fields(path: Path) -> list[ast.AnnAssign]:
    tree = ast.parse(path.read_text())
    found = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == Settings.__name__)
    return [node for node in found.body if isinstance(node, ast.AnnAssign)]


def _variable(name: str) -> str:
    return f"WHALE_{name.upper()}"


def _named(text: str) -> str:
    """Put variables in place of the fields that a comment names; one word alone may be a word like any other."""
    return re.sub(
        r"\b\w+_\w+\b",
        lambda word: code(_variable(word[0])) if word[0] in Settings.model_fields else word[0],
        text,
    )


def _kind(field: FieldInfo, schema: Mapping[str, Any]) -> str:
    if ByteSize in get_args(field.annotation):
        return "bytes"
    return kind_of(schema).removesuffix(" or null")


def _default(field: FieldInfo) -> str:
    match field.default:
        case None:
            return "unset"
        case "" | ():
            return "empty"
        case bool(value):
            return code(str(value).lower())
        case tuple(values):
            return code(",".join(map(str, values)))
        case Path() as path:
            return code(str(path.relative_to(ROOT))) + " in the checkout"
        case float(value):
            return code(f"{value:g}")
        case value:
            return code(str(value))
