"""Trades as Kraken spells them: frames of channel `trade`, with JSON numbers, and REST rows."""

from collections.abc import Sequence

from whale_platform.domain.trade import Side
from whale_platform.exchanges.coinbase.wire_format import format_iso_time
from whale_platform.exchanges.simulation.play import Fill, MarketKey


def build_fill(market: MarketKey, trade_id: int, price: str, size: str, side: Side, time: int, order: int) -> Fill:
    """A generated trade; sizes have 8 decimals."""
    whole, _, part = size.partition(".")
    return Fill(market, trade_id, price, f"{whole}.{part:0<8}", side, time, time)


def encode_update(fill: Fill) -> bytes:
    """Payload of channel `trade` for a new trade."""
    return encode_trades("update", [fill]).encode()


def encode_trades(kind: str, fills: Sequence[Fill]) -> str:
    """A message of `kind` `update` or `snapshot`; no number passes through a float."""
    rows = (
        f'{{"symbol":"{fill.market[1]}","side":"{fill.side}","price":{fill.price},"qty":{fill.size},'
        f'"ord_type":"limit","trade_id":{fill.trade_id},"timestamp":"{format_iso_time(fill.time)}"}}'
        for fill in fills
    )
    return f'{{"channel":"trade","type":"{kind}","data":[{",".join(rows)}]}}'


def build_history_row(fill: Fill) -> list[object]:
    """One trade of `Trades`: price, volume, time in seconds, side, order type, nothing, id."""
    return [fill.price, fill.size, fill.time / 1e6, fill.side[0], "l", "", fill.trade_id]
