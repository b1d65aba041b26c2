"""Trades of perpetuals as Bybit spells them, with their fields in the order of recorded ones.

Prices and sizes keep the zeros at their end. Trade ids are UUIDs: here their last twelve digits are the id of the
generated trade, where a real one has bits of a hash.
"""

from dataclasses import replace

from whale_platform.domain.trade import Side
from whale_platform.exchanges.bybit.wire_format import SIDES, format_flag
from whale_platform.exchanges.simulation.play import Fill, MarketKey

_FIRST_STEP = 753_843_954_913


def build_fill(market: MarketKey, trade_id: int, price: str, size: str, side: Side, time: int, order: int) -> Fill:
    """A generated trade at a whole millisecond."""
    at, step = time // 1000 * 1000, str(_FIRST_STEP + order)
    fill = Fill(market, trade_id, price, size, side, at, at, taker_order_id=step)
    return replace(fill, block=trade_id % 1_000 == 0)


def format_id(trade_id: int) -> str:
    """The id as the exchange writes it."""
    return f"a9188a0a-82bc-50de-8000-{trade_id:012x}"


def encode_trade(fill: Fill) -> bytes:
    """The frame of one trade."""
    symbol, tick = fill.market[1], "PlusTick" if fill.side == "buy" else "MinusTick"
    row = (
        f'{{"T":{fill.time // 1000},"s":"{symbol}","S":"{SIDES[fill.side]}","v":"{fill.size}","p":"{fill.price}",'
        f'"L":"{tick}","i":"{format_id(fill.trade_id)}","BT":{format_flag(fill.block)},"RPI":false,'
        f'"seq":{fill.taker_order_id}}}'
    )
    head = f'"topic":"publicTrade.{symbol}","type":"snapshot","ts":{fill.sent_time // 1000 + 1}'
    return f'{{{head},"data":[{row}]}}'.encode()
