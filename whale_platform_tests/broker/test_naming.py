"""The prefix of topics and groups: put on in one place, by every client."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from whale_platform.broker import naming, topics
from whale_platform.domain.names import DEAD_LETTERS, RAW_TRADES
from whale_platform.settings import ROOT, Settings

PACKAGE = ROOT / "whale_platform"
OPTIONS = re.compile(r'\.option\("(?:subscribe|topic|groupIdPrefix)", (\w+)')
CLIENTS = re.compile(r'(?:\bTopicPartition\(|\bNewTopic\(|ResourceType\.TOPIC,|"group\.id":)\s*([\w.]+)')


def test_a_name_goes_to_kafka_with_its_prefix_and_comes_back_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHALE_KAFKA_PREFIX", "team.")
    naming.read_prefix.cache_clear()
    try:
        assert naming.add_prefix(RAW_TRADES) == f"team.{RAW_TRADES}"
        assert naming.strip_prefix(naming.add_prefix(RAW_TRADES)) == RAW_TRADES
    finally:
        monkeypatch.undo()
        naming.read_prefix.cache_clear()
    assert naming.add_prefix(RAW_TRADES) == RAW_TRADES == naming.strip_prefix(RAW_TRADES)


@pytest.mark.parametrize("bad", ["team/", "te am.", "käse.", "a" * 101])
def test_a_prefix_that_no_topic_may_have_is_refused(bad: str) -> None:
    with pytest.raises(ValidationError, match="kafka_prefix"):
        Settings.model_validate({"kafka_prefix": bad})


def test_only_one_module_spells_out_the_topics() -> None:
    """Those that no table is called after; and the broker's own configuration is by these names too."""
    assert {RAW_TRADES, DEAD_LETTERS} <= set(topics.BYTE_SHARES)
    spelt = {
        path.relative_to(PACKAGE).as_posix()
        for path in sorted(PACKAGE.rglob("*.py"))
        for text in _strings(path)
        if text in (RAW_TRADES, DEAD_LETTERS)
    }
    assert spelt == {"domain/names.py"}


def test_every_client_of_kafka_uses_the_prefixed_name() -> None:
    sources = {path: path.read_text() for room in ("broker", "stream") for path in (PACKAGE / room).rglob("*.py")}
    asked = [(path.name, found[1]) for path, text in sources.items() for found in CLIENTS.finditer(text)]
    asked += [(path.name, found[1]) for path, text in sources.items() for found in OPTIONS.finditer(text)]
    assert len(asked) >= 10
    assert {name for _, name in asked} == {"add_prefix", "resource.name"}, "the latter is what describe_configs got"


def _strings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
