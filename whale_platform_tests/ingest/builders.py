"""Trades for tests: everything follows from the id, so that two copies are equal and a wrong one shows."""

from decimal import Decimal

from whale_platform.domain.trade import Source, Trade

T0 = 1_700_000_000_000_000


def trade(
    number: int, symbol: str = "AAA", exchange: str = "fake", source: Source = "live", price: str | None = None
) -> Trade:
    """Trade `number`, one millisecond after number - 1."""
    when = T0 + number * 1000
    return Trade(
        exchange=exchange,
        symbol=symbol,
        base="AAA",
        quote="USD",
        trade_id=number,
        price=Decimal(price or f"{1000 + number % 97}.25"),
        quantity=Decimal(f"{1 + number % 13}.5"),
        side="buy" if number % 2 else "sell",
        event_time=when,
        received_time=when + 500,
        source=source,
    )
