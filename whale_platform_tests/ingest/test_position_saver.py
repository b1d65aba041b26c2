"""What a save of the positions costs, counted: a symbol without contiguous ids has hundreds of recent trades."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from whale_platform.exchanges.bybit.adapter import Bybit
from whale_platform.ingest.position_saver import PositionSaver
from whale_platform.ingest.publishing.delivery import NextOffsets
from whale_platform.ingest.publishing.pipeline import Pipeline
from whale_platform.ingest.recovery.positions_file import load_positions, positions_path
from whale_platform.ingest.recovery.share import WHOLE_SHARE
from whale_platform.ingest.recovery.startup_scan import StartupState
from whale_platform.ingest.sequencing.sparse_sequencer import SAVED
from whale_platform_tests.ingest import fakes
from whale_platform_tests.ingest.builders import trade

SYMBOLS = ["AAA", "BBB", "CCC", "DDD"]


class Work:
    """Counts the characters that `json` has encoded and the objects that `copy` has copied."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.encoded = self.copied = 0
        self._dumps, self._deepcopy = json.dumps, copy.deepcopy
        monkeypatch.setattr(json, "dumps", self._encode)
        monkeypatch.setattr(copy, "deepcopy", self._copy)

    def _encode(self, *args: Any, **options: Any) -> str:
        text = self._dumps(*args, **options)
        self.encoded += len(text)
        return text

    def _copy(self, *args: Any) -> Any:
        self.copied += 1
        return self._deepcopy(*args)


def publish(pipeline: Pipeline, symbol: str, *numbers: int) -> None:
    line = pipeline.lines[symbol]
    for number in numbers:
        line.publish(line.sequencer.add_live(trade(number, symbol)._replace(exchange="bybit", dense=False)))


def test_what_is_known_of_a_symbol_is_encoded_where_it_has_traded_and_copied_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = fakes.pipeline(Bybit(), SYMBOLS, fakes.RecordingProducer())
    path = positions_path(tmp_path)
    saver = PositionSaver(path, WHOLE_SHARE, StartupState("c", "t", {0: 0}, {}), [pipeline], NextOffsets({0: 0}))
    for symbol in SYMBOLS:
        publish(pipeline, symbol, *range(1, 2 * SAVED))
    work, encoded, found = Work(monkeypatch), list[int](), None
    for traded in ((), (), ("CCC",)):
        for symbol in traded:
            publish(pipeline, symbol, 2 * SAVED)
        before = work.encoded
        assert saver.save_last()
        encoded.append(work.encoded - before)
        found = load_positions(path)
        assert found is not None and found.places == pipeline.build_positions()
    assert found is not None and len(found.places["bybit:CCC"].recent or ()) == SAVED
    assert encoded[1] < 0.1 * encoded[0] and encoded[2] < 0.4 * encoded[0]
    assert work.copied < SAVED
