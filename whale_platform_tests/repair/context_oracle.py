"""The context of whales by a plain walk over all trades: the definitions again, with nothing of the platform's."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from itertools import groupby
from typing import Any

from whale_platform.contracts.trade_window import WindowRow
from whale_platform.contracts.whale_alert import WhaleRow
from whale_platform.domain.trade import Trade
from whale_platform_tests.stores.builders import WHALE, WINDOW

SECOND, MINUTE, HOUR = 1_000_000, 60_000_000, 3_600_000_000
SECONDS_AFTER = (1, 10, 60, 300, 900)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PlainWhale:
    """An order: one fill or more of one moment and side, with ids that follow one another."""

    fills: Sequence[Trade]

    @property
    def key(self) -> tuple[str, str, str, int]:
        first = self.fills[0]
        return first.exchange, first.symbol, "sweep" if len(self.fills) > 1 else "single_trade", first.trade_id

    @property
    def time(self) -> int:
        return self.fills[0].event_time

    @property
    def notional(self) -> Decimal:
        return add(one.price * one.quantity for one in self.fills)

    @property
    def sign(self) -> int:
        return 1 if self.fills[0].side == "buy" else -1


def add(numbers: Iterable[Decimal]) -> Decimal:
    with localcontext(prec=80):
        return sum(numbers, Decimal(0))


def to_time(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def find_orders(trades: Iterable[Trade]) -> list[PlainWhale]:
    """All orders, large and small, by market and id."""
    found: list[list[Trade]] = []
    for one in sorted(trades, key=lambda trade: (trade.exchange, trade.symbol, trade.trade_id)):
        last = found[-1][-1] if found else None
        goes_on = last is not None and (last.exchange, last.symbol, last.event_time, last.side) == (
            *(one.exchange, one.symbol, one.event_time, one.side),
        )
        if last is not None and goes_on and one.trade_id == last.trade_id + 1:
            found[-1].append(one)
        else:
            found.append([one])
    return [PlainWhale(fills) for fills in found]


def round_half_up(number: Decimal, digits: int) -> Decimal:
    """As Postgres rounds."""
    with localcontext(prec=80):
        return number.quantize(Decimal(10) ** -digits, ROUND_HALF_UP)


def build_rows(orders: Iterable[PlainWhale], floor: Decimal) -> list[WhaleRow]:
    """The rows of these whales as the stream stores them, and of their fills that are whales by themselves."""
    rows = []
    for order in orders:
        for fill in order.fills if len(order.fills) > 1 else ():
            if fill.price * fill.quantity >= floor:
                (row,) = build_rows([PlainWhale([fill])], floor)
                first_id = order.fills[0].trade_id
                rows.append(row._replace(sweep_first_id=None if fill.trade_id == first_id else first_id))
        first, last = order.fills[0], order.fills[-1]
        sweep = len(order.fills) > 1
        moved = sum(one.price != before.price for before, one in zip(order.fills, order.fills[1:], strict=False))
        row = WHALE._replace(
            exchange=first.exchange,
            symbol=first.symbol,
            kind=order.key[2],
            trade_id=first.trade_id,
            side=first.side,
            price=str(last.price),
            quantity=str(add(one.quantity for one in order.fills)),
            notional=str(order.notional),
            notional_usd=str(order.notional),
            threshold_usd="1",
            event_time=to_time(order.time),
            received_time=to_time(last.received_time),
            detected_time=to_time(last.received_time),
        )
        rows.append(
            row._replace(
                fills=len(order.fills), levels=1 + moved, first_price=str(first.price), last_trade_id=last.trade_id
            )
            if sweep
            else row
        )
    return rows


def build_windows(trades: Iterable[Trade]) -> list[WindowRow]:
    """The windows of these trades; what nobody asks of them here is left as it is in the builder."""
    windows = []
    ordered = sorted(trades, key=lambda one: (one.exchange, one.symbol, one.event_time // MINUTE))
    for (exchange, symbol, minute), some in groupby(
        ordered, lambda one: (one.exchange, one.symbol, one.event_time // MINUTE)
    ):
        found = list(some)
        windows.append(
            WINDOW._replace(
                exchange=exchange,
                symbol=symbol,
                window_start=to_time(minute * MINUTE),
                notional=str(add(one.price * one.quantity for one in found)),
                trade_count=len(found),
                first_trade_id=min(one.trade_id for one in found),
                last_trade_id=max(one.trade_id for one in found),
                last_event_time=to_time(max(one.event_time for one in found)),
            )
        )
    return windows


def measure(whale: PlainWhale, whales: Iterable[PlainWhale], trades: Iterable[Trade], law: tuple[float, ...]) -> Any:
    """The whale's context; law: Y, volatility and volume of a day."""
    market = [one for one in trades if (one.exchange, one.symbol) == whale.key[:2]]
    prices = measure_prices(whale, market)
    found: dict[str, Any] = {}
    for name, length in (("minute", MINUTE), ("hour", HOUR)):
        within = [one for one in market if one.event_time // length == whale.time // length]
        found[f"{name}_notional"] = add(one.price * one.quantity for one in within)
        with localcontext(prec=60):
            share = whale.notional / found[f"{name}_notional"]
        found[f"{name}_share"] = round_half_up(share, 9)
    before = [
        one
        for one in whales
        if one.key[:2] == whale.key[:2]
        and whale.time - 5 * MINUTE < one.time
        and (one.time, one.key[3]) <= (whale.time, whale.key[3])
    ]
    before.sort(key=lambda one: (one.time, one.key[3]))
    found["streak"] = next((n for n, one in enumerate(reversed(before)) if one.sign != whale.sign), len(before))
    found["net_flow_usd"] = add(one.sign * one.notional for one in before)
    factor, volatility, volume = law
    expected = round(10_000 * factor * volatility * math.sqrt(float(whale.notional) / volume), 6)
    found["expected_bps"] = expected
    moved = None
    if prices[0] is not None and prices[1] is not None:
        with localcontext(prec=60):
            moved = round_half_up(whale.sign * 10_000 * (prices[1] - prices[0]) / prices[0], 6)
    found["moved_bps"] = moved
    if moved is None:
        found["outcome"] = None
    elif float(moved) < expected / 2:
        found["outcome"] = "absorbed"
    else:
        found["outcome"] = "broke_through" if float(moved) > 2 * expected else "as_expected"
    return found


def measure_prices(whale: PlainWhale, market: Sequence[Trade]) -> list[Decimal | None]:
    """Before it, and after each of SECONDS_AFTER. market: all trades of the whale's, in any order."""
    ordered = sorted(market, key=lambda one: (one.event_time, one.trade_id))
    earlier = [one for one in ordered if (one.event_time, one.trade_id) < (whale.time, whale.key[3])]
    prices: list[Decimal | None] = [None]
    if earlier and earlier[-1].event_time >= whale.time - 15 * MINUTE:
        prices = [earlier[-1].price]
    for seconds in SECONDS_AFTER:
        until = whale.time + seconds * SECOND
        known = ordered[-1].event_time > until
        prices.append([one for one in ordered if one.event_time <= until][-1].price if known else None)
    return prices
