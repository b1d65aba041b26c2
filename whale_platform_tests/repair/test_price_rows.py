"""Prices around whales of every kind, as the lake has them."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from whale_platform.repair.price_rows import find_whale_prices
from whale_platform_tests.lake.builders import lay, trade


def test_a_sweep_has_its_first_fill_s_prices_and_a_block_its_own(tmp_path: Path) -> None:
    root = tmp_path / "lake"
    trades = [trade(number, every_s=60, price=str(100 + number)) for number in range(10)]
    block = trade(3, price="55")._replace(event_time=trades[6].event_time + 1, block=True)
    lay(root, [*trades, block])
    alone, off_the_book = (datetime.fromtimestamp(one.event_time / 1e6, UTC) for one in (trades[3], block))
    times = {"single_trade": alone, "sweep": alone, "block": off_the_book, "liquidation": off_the_book}
    whales = [("binance", "BTCUSDT", kind, 3, time) for kind, time in times.items()]
    found = {row.kind: (row.trade_id, row.before, row.after_1) for row in find_whale_prices(root, whales)}
    assert found == {
        "single_trade": (3, Decimal(102), Decimal(104)),
        "sweep": (3, Decimal(102), Decimal(104)),
        "block": (3, Decimal(106), Decimal(107)),
        "liquidation": (3, Decimal(106), Decimal(107)),
    }, "what was agreed off the book is no price of the market"
    assert find_whale_prices(tmp_path / "none", whales) == []


def test_no_fill_of_a_sweep_is_the_price_before_it_where_ids_have_no_order(tmp_path: Path) -> None:
    root, at = tmp_path / "lake", [trade(second).event_time for second in (0, 60, 60, 60, 120, 120, 600)]
    numbers = (700, 900, 300, 500, 800, 200, 100)  # 900, 300 and 500 are the order's; 200 is the last of its moment
    trades = [trade(number, price=str(100 + place)) for place, number in enumerate(numbers)]
    lay(root, [one._replace(dense=False, event_time=time) for one, time in zip(trades, at, strict=True)])
    whale = ("binance", "BTCUSDT", "sweep", 900, datetime.fromtimestamp(at[1] / 1e6, UTC))
    (row,) = find_whale_prices(root, [whale])
    assert (row.before, row.after_1) == (Decimal(100), Decimal(105))
