"""Spot trades as Bybit spells them: socket frames and REST rows, with their fields in the order of recorded ones.

Times are milliseconds; the REST side has them, and `seq`, as text. Trade ids have 19 digits, of which the first three
are the shard: 000 here, so that the number is the id of the generated trade.
"""

from dataclasses import replace

from whale_platform.domain.trade import Side
from whale_platform.exchanges.simulation.play import Fill, MarketKey

_SIDES: dict[Side, str] = {"buy": "Buy", "sell": "Sell"}
_FIRST_STEP = 89_200_463_112


def build_fill(market: MarketKey, trade_id: int, price: str, size: str, side: Side, time: int, order: int) -> Fill:
    """A generated trade at a whole millisecond; prices and sizes have no zeros at their end."""
    at, step = time // 1000 * 1000, str(_FIRST_STEP + order)
    fill = Fill(market, trade_id, _trim(price), _trim(size), side, at, at, taker_order_id=step)
    return replace(fill, block=trade_id % 1_000 == 0)


def encode_trade(fill: Fill) -> bytes:
    """The frame of one trade."""
    symbol = fill.market[1]
    row = (
        f'{{"i":"{fill.trade_id:019d}","T":{fill.time // 1000},"p":"{fill.price}","v":"{fill.size}",'
        f'"S":"{_SIDES[fill.side]}","seq":{fill.taker_order_id},"s":"{symbol}","BT":{_flag(fill.block)},"RPI":false}}'
    )
    head = f'"topic":"publicTrade.{symbol}","ts":{fill.sent_time // 1000 + 1},"type":"snapshot"'
    return f'{{{head},"data":[{row}]}}'.encode()


def build_history_row(fill: Fill) -> dict[str, object]:
    """One trade of `recent-trade`."""
    return {
        "execId": f"{fill.trade_id:019d}",
        "symbol": fill.market[1],
        "price": fill.price,
        "size": fill.size,
        "side": _SIDES[fill.side],
        "time": str(fill.time // 1000),
        "isBlockTrade": fill.block,
        "isRPITrade": False,
        "seq": fill.taker_order_id,
    }


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _trim(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
