"""As many generated markets as a measurement asks for: the default ones, and invented currencies beyond them."""

from whale_platform.settings import DEFAULT_BASES

EXCHANGES = 2  # that are ingested by default: each lists a currency once


def name_currencies(symbols: int, exchanges: int = EXCHANGES) -> tuple[str, ...]:
    """Return the currencies whose markets on so many exchanges are `symbols`, or a few more where it can't be so."""
    wanted = -(-symbols // exchanges)
    return (*DEFAULT_BASES, *(f"X{number:04d}" for number in range(wanted)))[:wanted]
