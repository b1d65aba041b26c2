"""When the lake's checkpoint is not the table's: what the keeper finds before it starts the query."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from whale_platform.domain.names import RAW_TRADES
from whale_platform.settings import Settings
from whale_platform.stream import checkpoints
from whale_platform.stream.checkpoints import LAKE
from whale_platform.stream.lake_keeper import MODE, VERSION, LakeKeeper
from whale_platform.stream.queries import Place
from whale_platform_tests.lake.samples import lay, trade


@pytest.fixture
def keeper(tmp_path: Path) -> LakeKeeper:
    """Its lake has offsets 0 to 9 of partition 0."""
    settings = Settings(home=tmp_path)
    lay(settings.trades_lake, [trade(number) for number in range(10)], topic_id="topic-1")
    context, session = cast("Any", SimpleNamespace(settings=settings)), cast("Any", None)
    return LakeKeeper(context, session, Place("cluster-a", "topic-1", {0: 0, 1: 0}), "run-1")


def done(home: Path, batch: int, offsets: str) -> None:
    """Write what Spark has written after a batch."""
    folder = checkpoints.folder(home, LAKE, MODE, VERSION)
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
    keeper: LakeKeeper, tmp_path: Path, ends: dict[str, int], lacking: str
) -> None:
    assert keeper._lacking() == "", "nothing done yet"
    done(tmp_path, 3, "\n".join(["v1", "{}", json.dumps({RAW_TRADES: ends})]))
    assert keeper._lacking().startswith(lacking) and bool(keeper._lacking()) == bool(lacking)


@pytest.mark.parametrize("torn", ["", "v1\n{}\n{"])
def test_offsets_lost_with_the_power_are_no_crash(keeper: LakeKeeper, tmp_path: Path, torn: str) -> None:
    done(tmp_path, 3, torn)
    assert keeper._lacking() == "the offsets of batch 3, the last that was done, can't be read"
