"""The ids in topic `raw_crypto_trades`, by symbol and hour, counted as fast as Kafka gives them.

Only the id and the time of a message are read: the text before the id names the exchange and the symbol and is parsed
once. `"event_time":` with its quotes can't stand inside a JSON string, so the search finds the field itself. Messages
that don't look as the ingester writes them are parsed as JSON; what is no trade at all is counted, not guessed.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from whale_platform.domain.runs import Held

Key = tuple[str, str, datetime]
HOUR_US = 3_600_000_000
_ID, _TIME = b',"trade_id":', b'"event_time":'


@dataclass(slots=True)
class RawIds:
    """held: by (exchange, symbol, hour); messages: read; unreadable: those that are no trade."""

    held: dict[Key, Held] = field(default_factory=dict)
    messages: int = 0
    unreadable: int = 0


@dataclass(slots=True)
class _Symbol:
    exchange: str
    symbol: str
    dense: bool
    start: int = 0  # of the hour at hand, microseconds
    held: Held = field(default_factory=Held)

    def turn(self, time: int, held: dict[Key, Held]) -> None:
        """Go to the hour of `time`."""
        self.start = time // HOUR_US * HOUR_US
        key = (self.exchange, self.symbol, datetime.fromtimestamp(self.start // 1_000_000, UTC))
        self.held = held.setdefault(key, Held(dense=self.dense))


def count(
    batches: Iterable[tuple[bool, list[bytes]]], start: int, end: int, tell: Callable[[int], None] = lambda _: None
) -> RawIds:
    """The ids of trades whose event time is in [start, end), microseconds.

    `batches`: (whether they were sent just now, values); those may be on their way to the other places, so they are
    `alone`. `tell(messages)` is called after each batch.
    """
    found, symbols = RawIds(), dict[bytes, _Symbol]()
    for late, values in batches:
        for value in values:
            at = value.find(_ID)
            symbol = symbols.get(value[:at])
            try:
                if symbol is None:
                    symbol, trade_id, time = _parsed(value)
                    if at > 0 and _begins(value[:at], symbol):
                        symbols[value[:at]] = symbol
                else:
                    at += len(_ID)
                    trade_id = int(value[at : value.index(b",", at)])
                    at = value.rindex(_TIME) + len(_TIME)
                    time = int(value[at : value.index(b",", at)])
                if not start <= time < end:
                    continue
                if not 0 <= time - symbol.start < HOUR_US:
                    symbol.turn(time, found.held)
                again = symbol.held.ids.add(trade_id, trade_id)
            except (ValueError, KeyError, TypeError, OverflowError):
                found.unreadable += 1
                continue
            if again:
                symbol.held.doubled += 1
            elif late:
                symbol.held.alone.add(trade_id, trade_id)
        found.messages += len(values)
        tell(found.messages)
    return found


def _parsed(value: bytes) -> tuple[_Symbol, int, int]:
    row = json.loads(value)
    symbol = _Symbol(str(row["exchange"]), str(row["symbol"]), row.get("dense", True) is True)
    numbers = row["trade_id"], row["event_time"]
    if not all(isinstance(number, int) for number in numbers):
        raise ValueError(f"{numbers} are not an id and a time")
    return symbol, *numbers


def _begins(head: bytes, symbol: _Symbol) -> bool:
    row = json.loads(head + b"}")
    return (row.get("exchange"), row.get("symbol")) == (symbol.exchange, symbol.symbol)
