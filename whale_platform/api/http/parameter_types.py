"""Types of parameters in an address: numbers, times, exchanges and symbols.

Each is read as it is documented and in no other way that Python would take: no `5_0`, no `１２`, no `1700000000` for a
time. What is wrong raises ValueError with a sentence that says what to write.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from whale_platform.domain.names import MAX_SYMBOL, SYMBOL_PATTERN, is_symbol
from whale_platform.domain.whale import ANY

EARLIEST, LATEST = datetime(2009, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PLUS_LOST = re.compile(r"[0-9-]+[Tt][0-9:.]+ [0-9]{2}:?[0-9]{2}")


def _check_time_range(time: datetime) -> datetime:
    if not EARLIEST <= time <= LATEST:
        raise ValueError("give a time from 2009 to 2100")
    return time


def _check_time_form(value: Any) -> Any:
    if isinstance(value, str) and not _TIME.fullmatch(value):
        if _PLUS_LOST.fullmatch(value):
            raise ValueError("a plus sign in an address means a space: write %2B for it, or give the time with Z")
        raise ValueError("give a time of RFC 3339, such as 2026-11-21T10:00:00Z")
    return value


def _build_form_check(pattern: str, advice: str) -> Callable[[Any], Any]:
    fits = re.compile(pattern).fullmatch

    def check(value: Any) -> Any:
        if isinstance(value, str) and not fits(value):
            raise ValueError(advice)
        return value

    return check


def _check_symbol(text: str) -> str:
    if not is_symbol(text):
        raise ValueError("give a symbol as the exchange spells it: letters, digits and . _ : / -")
    return text


def _parse_day(value: Any) -> Any:
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError("give a day of the calendar, such as 2026-11-21")


def _check_any_symbol(text: str) -> str:
    return text if text == ANY else _check_symbol(text)


WholeNumber = BeforeValidator(_build_form_check(r"[0-9]{1,19}", "give a whole number, in digits"))
Amount = BeforeValidator(_build_form_check(r"[0-9]{1,24}(\.[0-9]{1,24})?", "give a number, in digits"))
Moment = Annotated[AwareDatetime, BeforeValidator(_check_time_form), AfterValidator(_check_time_range)]
Day = Annotated[date, BeforeValidator(_parse_day), Field(description="A day (UTC).", examples=["2026-11-21"])]
Exchange = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9_]{1,40}$", description="The exchange, `sim_…` for generated trades.", examples=["binance"]
    ),
]
Symbol = Annotated[
    str,
    AfterValidator(_check_symbol),
    Field(
        min_length=1,
        max_length=MAX_SYMBOL,
        json_schema_extra={"pattern": SYMBOL_PATTERN},
        description="The symbol as the exchange spells it.",
        examples=["BTCUSDT"],
    ),
]
AnyExchange = Annotated[
    str, Field(pattern=r"^(\*|[a-z0-9_]{1,40})$", description="The exchange; `*` for any.", examples=["binance"])
]
AnySymbol = Annotated[
    str,
    AfterValidator(_check_any_symbol),
    Field(
        min_length=1,
        max_length=MAX_SYMBOL,
        description="The symbol as the exchange spells it; `*` for any.",
        examples=["BTCUSDT"],
    ),
]
