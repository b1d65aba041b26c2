"""A few of the simulated histories; many more by `python -m whale_platform_tests.ingest.simulation 100000`."""

import time

import pytest

from whale_platform.ingest import history, line, pipeline, repair
from whale_platform_tests.ingest.simulation import simulate


@pytest.mark.parametrize("first", [0, 20])
def test_every_true_trade_once_and_every_hole_explained(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (history, line, pipeline, repair):
        monkeypatch.setattr(module, "time", time)  # so that the real one comes back
    simulate(range(first, first + 20))
