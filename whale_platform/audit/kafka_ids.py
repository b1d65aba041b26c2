"""The ids in topic `raw_crypto_trades`, by symbol and hour, counted as fast as Kafka delivers them.

Only the id and the time of a message are looked at: what names its exchange and symbol is compared, and decoded once.
Messages that don't look as the ingester writes them are decoded; what is no trade at all is counted, not guessed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from whale_platform.contracts.raw_trade import decode_trade
from whale_platform.contracts.raw_trade_looks import peek_identity
from whale_platform.domain.id_ranges import HeldIds, IdRanges
from whale_platform.domain.market import MarketHour

HOUR_US = 3_600_000_000
EDGE_US = 600_000_000  # ids and times of trades are not in the same order, but for so long at most


SendState = tuple[bool, tuple[str, ...]]  # whether just now; the places that have not read so far yet
_UNSURE = (b"", 0, 0)  # has to be decoded
WaitingIds = dict[MarketHour, dict[str, IdRanges]]  # the ids that have not arrived yet, by place


@dataclass(slots=True)
class KafkaIds:
    """held, waiting: by (exchange, symbol, hour); messages: read; unreadable: those that are no trade.

    beyond: by (exchange, symbol), ids of trades from just before and just after the time that was asked for.
    """

    held: dict[MarketHour, HeldIds] = field(default_factory=dict)
    waiting: WaitingIds = field(default_factory=dict)
    beyond: dict[tuple[str, str], IdRanges] = field(default_factory=dict)
    messages: int = 0
    unreadable: int = 0


@dataclass(slots=True)
class _Symbol:
    exchange: str
    symbol: str
    dense: bool
    start: int = 0  # of the hour at hand, microseconds
    held: HeldIds = field(default_factory=HeldIds)
    beyond: IdRanges = field(default_factory=IdRanges)

    @property
    def key(self) -> MarketHour:
        """Of the hour at hand."""
        return self.exchange, self.symbol, datetime.fromtimestamp(self.start // 1_000_000, UTC)

    def switch_hour(self, time: int, held: dict[MarketHour, HeldIds]) -> None:
        """Go to the hour of `time`."""
        self.start = time // HOUR_US * HOUR_US
        self.held = held.setdefault(self.key, HeldIds(dense=self.dense))


def count_kafka_ids(
    batches: Iterable[tuple[SendState, list[bytes]]],
    start: int,
    end: int,
    on_progress: Callable[[int], None] = lambda _: None,
) -> KafkaIds:
    """The ids of trades whose event time is in [start, end), microseconds.

    `batches`: how they were sent, and values; those of just now may be on their way to the other places, so they are
    `alone`. `on_progress(messages)` is called after each batch.
    """
    found, symbols = KafkaIds(), dict[bytes, _Symbol]()
    for (late, places), values in batches:
        for value in values:
            head, trade_id, time = peek_identity(value) or _UNSURE
            symbol = symbols.get(head)
            try:
                if symbol is None:
                    symbol, trade_id, time = _decode_symbol(value)
                    symbol.beyond = found.beyond.setdefault((symbol.exchange, symbol.symbol), symbol.beyond)
                    if head:
                        symbols[head] = symbol
                if not start <= time < end:
                    if start - EDGE_US <= time < end + EDGE_US:
                        symbol.beyond.add(trade_id, trade_id)
                    continue
                if not 0 <= time - symbol.start < HOUR_US:
                    symbol.switch_hour(time, found.held)
                again = symbol.held.ids.add(trade_id, trade_id)
            except (ValueError, OverflowError):
                found.unreadable += 1
                continue
            if again:
                symbol.held.doubled += 1
            elif late:
                symbol.held.alone.add(trade_id, trade_id)
            for place in () if again else places:
                found.waiting.setdefault(symbol.key, {}).setdefault(place, IdRanges()).add(trade_id, trade_id)
        found.messages += len(values)
        on_progress(found.messages)
    return found


def _decode_symbol(value: bytes) -> tuple[_Symbol, int, int]:
    trade = decode_trade(value)
    return _Symbol(trade.exchange, trade.symbol, trade.dense), trade.trade_id, trade.event_time
