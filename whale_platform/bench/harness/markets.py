"""As many generated markets as a measurement asks for: the default ones, and invented currencies beyond them."""

from whale_platform.settings import DEFAULT_BASES

EXCHANGES = 2  # that are ingested by default: each lists a currency once


def name_currencies(symbols: int) -> tuple[str, ...]:
    """Return the currencies whose markets on the default exchanges are `symbols`, or one more where that is odd."""
    wanted = -(-symbols // EXCHANGES)
    return (*DEFAULT_BASES, *(f"X{number:04d}" for number in range(wanted)))[:wanted]
