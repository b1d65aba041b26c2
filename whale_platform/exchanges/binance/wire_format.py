"""Trades as Binance spells them: socket frames and REST rows.

Fields stand in the order of real frames, so a recorded trade leaves here byte for byte as it was captured.
"""

from whale_platform.exchanges.simulation.play import Fill


def encode_event(fill: Fill, micro: bool) -> str:
    """A raw `trade` event; times in µs or ms."""
    unit = 1 if micro else 1000
    return (
        f'{{"e":"trade","E":{fill.sent_time // unit},"s":"{fill.place[1]}","t":{fill.trade_id},"p":"{fill.price}",'
        f'"q":"{fill.size}","T":{fill.time // unit},"m":{"true" if fill.side == "sell" else "false"},"M":true}}'
    )


def encode_combined(fill: Fill, micro: bool) -> str:
    """The event as a combined stream wraps it."""
    return f'{{"stream":"{fill.place[1].lower()}@trade","data":{encode_event(fill, micro)}}}'


def encode_raw_ms(fill: Fill) -> bytes:
    """Payload of `/ws` streams."""
    return encode_event(fill, False).encode()


def encode_raw_us(fill: Fill) -> bytes:
    """Payload of `/ws` streams with `timeUnit=MICROSECOND`."""
    return encode_event(fill, True).encode()


def encode_combined_ms(fill: Fill) -> bytes:
    """Payload of `/stream` streams."""
    return encode_combined(fill, False).encode()


def encode_combined_us(fill: Fill) -> bytes:
    """Payload of `/stream` streams with `timeUnit=MICROSECOND`."""
    return encode_combined(fill, True).encode()


def build_history_row(fill: Fill, micro: bool) -> dict[str, object]:
    """One trade of `historicalTrades`."""
    return {
        "id": fill.trade_id,
        "price": fill.price,
        "qty": fill.size,
        "time": fill.time // (1 if micro else 1000),
        "isBuyerMaker": fill.side == "sell",
        "isBestMatch": True,
    }
