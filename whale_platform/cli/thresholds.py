"""`whale threshold`: the table in Postgres, with its errors in the operator's words."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING

from whale_platform.cli.errors import UserError
from whale_platform.exchanges import registry
from whale_platform.stores import connection, thresholds
from whale_platform.stores.thresholds import ANY

if TYPE_CHECKING:
    from whale_platform.settings import Settings


def listed(settings: "Settings") -> list[tuple[str, str, Decimal, str]]:
    """(exchange, symbol, US dollars, who said so). Raises UserError where the database is away."""
    with _explained():
        ours = thresholds.suggested(settings.dsn())
        rows = thresholds.read_thresholds(settings.dsn())
    return [(*row, "suggested" if row[:2] in ours else "") for row in rows]


def change(settings: "Settings", exchange: str, symbol: str, usd: Decimal) -> list[tuple[str, str]]:
    """Insert or change; returns the (exchange, symbol) that were set: `BTC` is one on every exchange.

    Raises UserError for an amount or name that can't be one, or where the database is away.
    """
    if not usd.is_finite() or usd <= 0:
        raise UserError(f"{usd} can't be a threshold: it must be more than 0")
    places = [(exchange, ANY)] if symbol == ANY else _spelled(settings, exchange, symbol)
    with _explained():
        for place in places:
            thresholds.set_threshold(settings.dsn(), *place, usd)
    return places


def _spelled(settings: "Settings", exchange: str, symbol: str) -> list[tuple[str, str]]:
    try:
        adapters = [one for one in registry.adapters(settings) if exchange in (ANY, one.name)]
        if not adapters:
            raise UserError(
                f"--exchange {exchange}: none of {', '.join(one.name for one in registry.adapters(settings))}"
            )
        found = registry.assign(adapters, [symbol])
    except ValueError as error:
        raise UserError(str(error)) from None
    return [(name, spelled) for name, symbols in found.items() for spelled in symbols]


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (connection.StoreAway, OSError) as error:
        raise UserError(f"Postgres can't be asked ({error}): see `whale status`, start it with `whale up`") from None
    except (connection.SchemaMismatch, connection.BadDsn, connection.RowRefused) as error:
        raise UserError(str(error)) from None
