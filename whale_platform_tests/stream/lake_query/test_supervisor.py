"""When the lake's checkpoint is not the table's: what the keeper finds before it starts the query."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog

from whale_platform.domain.names import RAW_TRADES
from whale_platform.lake.delta import table
from whale_platform.settings import Settings
from whale_platform.stream.lake_query.supervisor import MODE, SLOWER, VERSION, LakeQuerySupervisor
from whale_platform.stream.query import checkpoints
from whale_platform.stream.query.checkpoints import LAKE_QUERY
from whale_platform.stream.query.queries import SourceTopic
from whale_platform.stream.query.recovery import QueryRecovery
from whale_platform_tests.lake.builders import lay, trade

PLACE = SourceTopic("cluster-a", "topic-1", {0: 0, 1: 0}, {0: 100, 1: 100})


@pytest.fixture
def keeper(tmp_path: Path) -> LakeQuerySupervisor:
    """Its lake has offsets 0 to 9 of partition 0."""
    settings = Settings(home=tmp_path)
    lay(settings.trades_lake, [trade(number) for number in range(10)], topic_id="topic-1")
    context = cast("Any", SimpleNamespace(settings=settings, log=structlog.get_logger()))
    healer = QueryRecovery(settings, context.log, lambda: None, lambda *_: None)
    return LakeQuerySupervisor(context, cast("Any", None), PLACE, "run-1", healer)


def done(home: Path, batch: int, offsets: str) -> None:
    """Write what Spark has written after a batch."""
    folder = checkpoints.checkpoint_folder(home, LAKE_QUERY, MODE, VERSION)
    for name, text in (("offsets", offsets), ("commits", "v1\n{}")):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / str(batch)).write_text(text)


@pytest.mark.parametrize(
    ("ends", "lacking"),
    [
        ({"0": 10, "1": 0}, ""),
        ({"0": 7, "1": 0}, ""),
        ({"0": 25, "1": 0}, "the lake lacks offsets 10 to 24 of partition 0"),
        ({"0": 10, "1": 4}, "the lake lacks offsets 0 to 3 of partition 1"),
    ],
)
def test_less_in_the_table_than_the_checkpoint_has_done(
    keeper: LakeQuerySupervisor, tmp_path: Path, ends: dict[str, int], lacking: str
) -> None:
    assert keeper._explain_missing_rows() == "", "nothing done yet"
    done(tmp_path, 3, "\n".join(["v1", "{}", json.dumps({RAW_TRADES: ends})]))
    assert keeper._explain_missing_rows().startswith(lacking) and bool(keeper._explain_missing_rows()) == bool(lacking)


@pytest.mark.parametrize("torn", ["", "v1\n{}\n{"])
def test_offsets_lost_with_the_power_are_no_crash(keeper: LakeQuerySupervisor, tmp_path: Path, torn: str) -> None:
    done(tmp_path, 3, torn)
    assert keeper._explain_missing_rows() == "the offsets of batch 3, the last that was done, can't be read"


def test_a_topic_that_ends_before_the_lake_does_takes_its_position_back(
    keeper: LakeQuerySupervisor, tmp_path: Path
) -> None:
    root = Settings(home=tmp_path).trades_lake
    before = table.open_table(root).version()
    keeper._rewind_table_offsets()
    assert table.open_table(root).version() == before, "the topic has it all"
    keeper._place = replace(PLACE, ends={0: 5, 1: 0})
    keeper._rewind_table_offsets()
    assert keeper._read_table_offsets() == {0: 5, 1: 0}
    about = table.open_table(root).history(1)[0]["whale"]
    assert about["topic_lost_its_end"] == {"0": 10}
    version = table.open_table(root).version()
    keeper._rewind_table_offsets()
    assert table.open_table(root).version() == version, "once"


def test_while_the_stream_is_behind_it_begins_anew_with_a_longer_trigger(
    keeper: LakeQuerySupervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[tuple[float, Any]] = []

    def begin() -> Any:
        query: Any = SimpleNamespace(isActive=True)
        query.stop = lambda: setattr(query, "isActive", False)
        begun.append((keeper._trigger_s(), query))
        return query

    monkeypatch.setattr(keeper, "_start_query", begin)
    for behind in (False, False, True, True, False):
        keeper.poll(behind)
    usual = Settings().lake_trigger_s
    assert [trigger for trigger, _ in begun] == [usual, SLOWER * usual, usual]
    assert [query.isActive for _, query in begun] == [False, False, True]
    assert keeper.trouble == "", "that was no failure"
