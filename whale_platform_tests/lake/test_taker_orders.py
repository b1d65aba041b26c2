"""The takers' orders of the lake, of hours that hold a trade twice."""

from datetime import timedelta
from pathlib import Path

import pytest

from whale_platform.lake.analysis.taker_orders import ANY_MARKET, TakerOrder, read_taker_orders
from whale_platform.lake.delta.table import HOUR
from whale_platform.lake.maintenance import rewrite
from whale_platform_tests.lake.builders import START, lay, swallow, trade


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "lake" / "trades"


def read(root: Path, least_usd: float = 0, hours: int = 2) -> list[TakerOrder]:
    return list(read_taker_orders(root, START, START + hours * HOUR, least_usd, ANY_MARKET))


@pytest.mark.parametrize("compacted", [0, 1, 2])
def test_a_trade_that_is_there_twice_is_in_its_order_once(root: Path, compacted: int) -> None:
    """In hours that are compacted, in hours that are not, and in both kinds at once."""
    order = [trade(number, every_s=0)._replace(side="buy") for number in range(3)]
    fills = [*order, trade(9, every_s=500)]
    lay(root, fills)
    once = read(root)
    assert [(found.first_id, found.quantity, found.usd) for found in once] == [(0, 6, 603), (9, 2, 201)]
    lay(root, fills, first_offset=100)
    for hour in range(compacted):
        rewrite.rewrite_hour(root, START + hour * HOUR, {"why": "test"})
    assert read(root) == once
    assert read(root, least_usd=604) == [], "it is no larger than it was"


def test_they_are_those_of_the_compacted_hour(root: Path) -> None:
    """A fill beside an aggregate that stands for it and another one is no order: compaction drops it."""
    lay(root, [trade(number, every_s=60) for number in (0, 3)])
    swallow(root, START, like=0, first=1)
    lay(root, [trade(1, every_s=60)], first_offset=50)
    before = read(root)
    rewrite.rewrite_hour(root, START, {"why": "test"})
    assert sorted(order.first_id for order in before) == [0, 3]
    assert read(root) == before


def test_only_the_range_is_read_of_an_hour(root: Path) -> None:
    fills = [trade(number, every_s=60) for number in range(10)]
    lay(root, fills)
    lay(root, fills, first_offset=50)
    start, end = START + timedelta(minutes=3), START + timedelta(minutes=5)
    assert [order.first_id for order in read_taker_orders(root, start, end, 0, ANY_MARKET)] == [3, 4]
