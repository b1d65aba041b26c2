"""Trades as OKX spells them: frames of `trades-all` and REST rows. Fields stand in the order of real frames."""

from whale_platform.domain.trade import Side
from whale_platform.exchanges.simulation.play import Fill, MarketKey


def build_fill(market: MarketKey, trade_id: int, price: str, size: str, side: Side, time: int, order: int) -> Fill:
    """A generated trade at a whole millisecond; prices and sizes have no zeros at their end."""
    at = time // 1000 * 1000
    return Fill(market, trade_id, _trim(price), _trim(size), side, at, at)


def encode_trade(fill: Fill) -> bytes:
    """Payload of channel `trades-all`: one trade."""
    symbol = fill.market[1]
    return (
        f'{{"arg":{{"channel":"trades-all","instId":"{symbol}"}},"data":[{{"instId":"{symbol}",'
        f'"tradeId":"{fill.trade_id}","px":"{fill.price}","sz":"{fill.size}","side":"{fill.side}",'
        f'"ts":"{fill.time // 1000}","source":"0"}}]}}'
    ).encode()


def build_history_row(fill: Fill) -> dict[str, str]:
    """One trade of `history-trades`."""
    return {
        "instId": fill.market[1],
        "side": fill.side,
        "sz": fill.size,
        "source": "0",
        "px": fill.price,
        "tradeId": str(fill.trade_id),
        "ts": str(fill.time // 1000),
    }


def _trim(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
