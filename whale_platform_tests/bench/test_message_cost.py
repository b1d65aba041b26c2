"""What the messages whose cost is measured are."""

from itertools import islice

from whale_platform.bench.storage.lake_reads import generate_trades
from whale_platform.bench.streaming.message_cost import fill_orders, follow_orders
from whale_platform.contracts.raw_trade import encode_trade


def test_three_of_four_generated_trades_are_fills_of_orders_of_several_and_have_their_sums() -> None:
    trades = follow_orders(list(islice(fill_orders(generate_trades(20_000)), 20_000)))
    firsts = {(one.symbol, one.sweep.first_id) for one in trades if one.sweep is not None}
    with_sums = [one for one in trades if one.sweep is not None]
    assert len(trades) == 20_000 and 0.7 < (len(with_sums) + len(firsts)) / len(trades) < 0.8
    assert {one.sweep.levels > 1 for one in with_sums if one.sweep is not None} == {True, False}
    assert all(b'"sweep_fills":' in encode_trade(one) for one in with_sums)


def test_ids_of_a_generated_symbol_have_no_gaps() -> None:
    ids: dict[str, list[int]] = {}
    for one in fill_orders(generate_trades(2_000)):
        ids.setdefault(one.symbol, []).append(one.trade_id)
    assert all(numbers == list(range(len(numbers))) for numbers in ids.values()) and len(ids) == 20
