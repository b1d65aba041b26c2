"""Spot trades as Bybit spells them: socket frames and REST rows, with their fields in the order of recorded ones.

Times are milliseconds; the REST side has them, and `seq`, as text. Trade ids have 19 digits, of which the first three
are the shard: 000 here, so that the number is the id of the generated trade.
"""

from dataclasses import replace

from whale_platform.domain.trade import Side
from whale_platform.exchanges.simulation.play import Fill, MarketKey

SIDES: dict[Side, str] = {"buy": "Buy", "sell": "Sell"}
_FIRST_STEP = 89_200_463_112


def build_fill(market: MarketKey, trade_id: int, price: str, size: str, side: Side, time: int, order: int) -> Fill:
    """A generated trade at a whole millisecond; prices and sizes have no zeros at their end."""
    at, step = time // 1000 * 1000, str(_FIRST_STEP + order)
    fill = Fill(market, trade_id, _trim(price), _trim(size), side, at, at, taker_order_id=step)
    return replace(fill, block=trade_id % 1_000 == 0)


def format_id(trade_id: int) -> str:
    """The id as the exchange writes it."""
    return f"{trade_id:019d}"


def encode_trade(fill: Fill) -> bytes:
    """The frame of one trade."""
    symbol = fill.market[1]
    row = (
        f'{{"i":"{format_id(fill.trade_id)}","T":{fill.time // 1000},"p":"{fill.price}","v":"{fill.size}",'
        f'"S":"{SIDES[fill.side]}","seq":{fill.taker_order_id},"s":"{symbol}","BT":{format_flag(fill.block)},"RPI":false}}'
    )
    head = f'"topic":"publicTrade.{symbol}","ts":{fill.sent_time // 1000 + 1},"type":"snapshot"'
    return f'{{{head},"data":[{row}]}}'.encode()


def build_history_row(fill: Fill, trade_id: str) -> dict[str, object]:
    """One trade of `recent-trade`, with `trade_id` as the exchange writes it."""
    return {
        "execId": trade_id,
        "symbol": fill.market[1],
        "price": fill.price,
        "size": fill.size,
        "side": SIDES[fill.side],
        "time": str(fill.time // 1000),
        "isBlockTrade": fill.block,
        "isRPITrade": False,
        "seq": fill.taker_order_id,
    }


def format_flag(value: bool) -> str:
    """A JSON boolean."""
    return "true" if value else "false"


def _trim(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
