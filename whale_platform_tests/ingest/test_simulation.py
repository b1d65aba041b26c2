"""A few of the simulated histories; many more by `python -m whale_platform_tests.ingest.simulation 100000`."""

import time
from collections.abc import Iterable

import pytest

from whale_platform.ingest.backfill import gap_filler, history_client
from whale_platform.ingest.publishing import history_intake, pipeline, symbol_publisher
from whale_platform_tests.ingest.simulation import simulate

FOUND = (  # failed once
    *(420466, 423107, 424194, 424238, 424524),  # a first id moved, a gap ended by a garbled trade
    *(420591, 600533, 3003457, 4007289, 7050109),  # a market began with a garbled id
    *(440145, 500474, 507032, 510184, 2006150),  # the last trade before the ids began again was garbled
    *(515391, 603493),  # a garbled id of a quarantined trade, and one that history had under another id
    *(625475, 1002571, 1008013),  # a kill between a row and its trades
)


@pytest.mark.parametrize("seeds", [range(20), range(20, 40), FOUND])
def test_every_true_trade_once_and_every_hole_explained(seeds: Iterable[int], monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (history_client, symbol_publisher, pipeline, history_intake, gap_filler):
        monkeypatch.setattr(module, "time", time)  # so that the real one comes back
    simulate(seeds)
