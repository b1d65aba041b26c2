"""Trades as Hyperliquid spells them, with their fields in the order of its documentation. Times are milliseconds."""

import hashlib
import json
from dataclasses import replace

from whale_platform.domain.trade import Side
from whale_platform.exchanges.simulation.play import Fill, MarketKey

_TAKERS, _MAKERS = 40, 7
_SIDES: dict[Side, str] = {"buy": "B", "sell": "A"}


def build_fill(market: MarketKey, trade_id: int, price: str, size: str, side: Side, time: int, order: int) -> Fill:
    """A generated trade at a whole millisecond: an order is one transaction of one taker."""
    at = time // 1000 * 1000
    taker, maker = _address(f"taker {order % _TAKERS}"), _address(f"maker {trade_id % _MAKERS}")
    buyer, seller = (taker, maker) if side == "buy" else (maker, taker)
    transaction = "0x" + hashlib.sha256(f"{market[1]} {order}".encode()).hexdigest()
    fill = Fill(market, trade_id, _trim(price), _trim(size), side, at, at, taker_order_id=transaction)
    return replace(fill, buyer=buyer, seller=seller)


def encode_trade(fill: Fill) -> bytes:
    """The frame of one trade."""
    return encode_trades([fill]).encode()


def encode_trades(fills: list[Fill]) -> str:
    """The frame of these trades."""
    rows = [
        {
            "coin": fill.market[1],
            "side": _SIDES[fill.side],
            "px": fill.price,
            "sz": fill.size,
            "time": fill.time // 1000,
            "hash": fill.taker_order_id,
            "tid": fill.trade_id,
            "users": [fill.buyer, fill.seller],
        }
        for fill in fills
    ]
    return json.dumps({"channel": "trades", "data": rows}, separators=(",", ":"))


def _address(name: str) -> str:
    return "0x" + hashlib.sha256(name.encode()).hexdigest()[:40]


def _trim(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
