"""`whale threshold`: the table in Postgres, with its errors in the operator's words."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING

from whale_platform.cli.errors import UserError
from whale_platform.stores import connection, thresholds

if TYPE_CHECKING:
    from whale_platform.settings import Settings


def listed(settings: "Settings") -> list[tuple[str, str, Decimal]]:
    """(exchange, symbol, US dollars). Raises UserError where the database is away."""
    with _explained():
        return thresholds.read_thresholds(settings.dsn())


def change(settings: "Settings", exchange: str, symbol: str, usd: Decimal) -> None:
    """Insert or change one. Raises UserError for an amount that can't be one, or where the database is away."""
    if not usd.is_finite() or usd <= 0:
        raise UserError(f"{usd} can't be a threshold: it must be more than 0")
    with _explained():
        thresholds.set_threshold(settings.dsn(), exchange, symbol, usd)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (connection.StoreAway, OSError) as error:
        raise UserError(f"Postgres can't be asked ({error}): see `whale status`, start it with `whale up`") from None
    except (connection.SchemaMismatch, connection.BadDsn, connection.RowRefused) as error:
        raise UserError(str(error)) from None
