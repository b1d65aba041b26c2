"""Minutes counted again from the raw trades, to be compared with the stream's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from whale_platform.contracts.raw_trade_looks import read_fill

MINUTE_US = 60_000_000
MinuteKey = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class MinuteTotal:
    """Trades of one minute and symbol, and their quantity in base units."""

    trades: int
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class MinuteDifference:
    """A minute (microseconds since the epoch) in which raw topic and table do not agree; None: not there at all."""

    exchange: str
    symbol: str
    minute: int
    raw: MinuteTotal | None
    table: MinuteTotal | None


def count_minutes(messages: Iterable[bytes], start: int, end: int) -> dict[MinuteKey, MinuteTotal]:
    """Totals of the minutes in [start, end), microseconds, by (exchange, symbol, minute); each id once.

    What is no raw trade is left out, and a block: the stream leaves them out too.
    """
    seen: dict[MinuteKey, dict[int, Decimal]] = {}
    for message in messages:
        fill = read_fill(message)
        if fill is not None and not fill.block and start <= fill.event_time < end:
            minute = fill.event_time // MINUTE_US * MINUTE_US
            quantities = seen.setdefault((fill.exchange, fill.symbol, minute), {})
            quantities[fill.trade_id] = Decimal(fill.quantity)
    return {minute: MinuteTotal(len(found), sum(found.values(), Decimal(0))) for minute, found in seen.items()}


def find_differences(
    raw: Mapping[MinuteKey, MinuteTotal], table: Mapping[MinuteKey, MinuteTotal]
) -> list[MinuteDifference]:
    """Every minute that is not the same in both, in order."""
    return [
        MinuteDifference(*minute, raw.get(minute), table.get(minute))
        for minute in sorted(raw.keys() | table.keys())
        if raw.get(minute) != table.get(minute)
    ]
