"""From bytes to checked fields: the only way in for anything an exchange says.

Whatever arrives, the only exception that leaves here is `InvalidFrameError`, and its message names the field. Where a
protocol sends numbers as strings, a JSON number, `NaN` or a boolean in their place is refused, not converted; where it
sends JSON numbers, their text is kept, so that none becomes a float.
"""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NoReturn

from whale_platform.exchanges.errors import InvalidFrameError

MAX_FRAME = 1 << 20
MAX_PAGE = 1 << 24
MAX_LISTING = 1 << 25
MAX_INTEGER = (1 << 63) - 1
MAX_TEXT = 64

# At most 25 digits on each side of the point keep price times quantity exact within 100 digits.
DECIMAL_PATTERN = r"[0-9]{1,25}(?:\.[0-9]{1,25})?"
_ESCAPED = frozenset(' "\\')
_NUMBER = re.compile(rf"{DECIMAL_PATTERN}(?:[eE][+-]?[0-9]{{1,2}})?").fullmatch
_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{0,9}))?(?:Z|\+00:00)").fullmatch
_INTEGER = re.compile(r"[0-9]{1,19}").fullmatch
# Parts of an adapter's pattern for its usual frame, which is read without a JSON parser: what they match is JSON that
# the readers below take, and to the same values.
NAME_PATTERN = rf"[!#-\[\]-~]{{1,{MAX_TEXT}}}"
INTEGER_PATTERN = "(?:0|[1-9][0-9]{0,17})"


def _no_constant(name: str) -> NoReturn:
    raise InvalidFrameError(f"{name} is not JSON")


class JsonNumber(str):
    """The text of a JSON number with a fraction or an exponent."""

    __slots__ = ()
    __repr__ = str.__str__


_decode = json.JSONDecoder(parse_constant=_no_constant, parse_float=JsonNumber).decode


def to_text(frame: str | bytes) -> str:
    """`frame` for a pattern of ASCII: other characters are there, and wrong, so that none of them matches."""
    return frame if isinstance(frame, str) else frame.decode("latin-1")


def load_json(frame: str | bytes, limit: int = MAX_FRAME) -> Any:
    """The JSON value of `frame`, at most `limit` long. Raises InvalidFrameError."""
    if len(frame) > limit:
        raise InvalidFrameError(f"{len(frame)} bytes in one frame; at most {limit} are read")
    try:
        return _decode(frame if isinstance(frame, str) else frame.decode())
    except UnicodeDecodeError as wrong:
        raise InvalidFrameError(f"not UTF-8 at byte {wrong.start}") from None
    except RecursionError:
        raise InvalidFrameError("JSON nested too deeply") from None
    except ValueError as wrong:
        raise InvalidFrameError(f"not JSON: {str(wrong)[:100]}") from None


def load_object(frame: str | bytes) -> dict[str, Any]:
    """The JSON object of one WebSocket frame. Raises InvalidFrameError."""
    value = load_json(frame)
    if type(value) is not dict:
        raise InvalidFrameError(f"a JSON {type(value).__name__} where an object belongs")
    return value


def read_decimal(fields: dict[str, Any], name: str) -> Decimal:
    """A non-negative finite number, sent as a string; exact. Raises InvalidFrameError."""
    value = fields.get(name)
    if type(value) is str and _NUMBER(value):
        return Decimal(value)
    raise _bad(fields, name, "a non-negative decimal string")


def read_number(fields: dict[str, Any], name: str) -> Decimal:
    """A non-negative finite number, sent as a JSON number; exact. Raises InvalidFrameError."""
    value = fields.get(name)
    if (type(value) is JsonNumber and _NUMBER(value)) or (type(value) is int and 0 <= value <= MAX_INTEGER):
        return Decimal(value)
    raise _bad(fields, name, "a non-negative JSON number")


def read_integer(fields: dict[str, Any], name: str) -> int:
    """A non-negative integer of 63 bits. Raises InvalidFrameError."""
    value = fields.get(name)
    if type(value) is int and 0 <= value <= MAX_INTEGER:
        return value
    raise _bad(fields, name, "a non-negative 64-bit integer")


def read_integer_text(fields: dict[str, Any], name: str) -> int:
    """A non-negative integer of 63 bits, sent as a string. Raises InvalidFrameError."""
    value = fields.get(name)
    if type(value) is str and _INTEGER(value) and (number := int(value)) <= MAX_INTEGER:
        return number
    raise _bad(fields, name, "a non-negative 64-bit integer as a string")


def read_flag(fields: dict[str, Any], name: str) -> bool:
    """A JSON boolean. Raises InvalidFrameError."""
    value = fields.get(name)
    if type(value) is bool:
        return value
    raise _bad(fields, name, "true or false")


def read_text(fields: dict[str, Any], name: str) -> str:
    """Printable text without blanks, quotes or backslashes (topics hold no escapes), 1 to 64 characters.

    Raises InvalidFrameError.
    """
    value = fields.get(name)
    if type(value) is str and 0 < len(value) <= MAX_TEXT and value.isprintable() and not _ESCAPED.intersection(value):
        return value
    raise _bad(fields, name, f"1 to {MAX_TEXT} printable characters without blanks, quotes or backslashes")


def read_iso_time(fields: dict[str, Any], name: str) -> int:
    """An ISO time in UTC, such as `2021-04-17T16:43:37.089723Z`, as microseconds. Raises InvalidFrameError."""
    parts = _TIME(read_text(fields, name))
    if parts is None:
        raise _bad(fields, name, "an ISO time in UTC")
    seconds = find_second(parts[1])
    if seconds is None:
        raise InvalidFrameError(f"field {name} is {show_value(fields[name])}, which no clock shows")
    return seconds * 1_000_000 + int((parts[2] or "").ljust(6, "0")[:6])


@lru_cache(maxsize=1024)
def find_second(text: str) -> int | None:
    """Seconds since the epoch of an ISO time without fraction or zone; None where no clock shows it."""
    try:
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
    except ValueError:
        return None


def name_kind(value: object) -> str:
    """`value` as the kind of an ignored event: short and printable, whatever was sent."""
    return value if isinstance(value, str) and 0 < len(value) <= 40 and value.isprintable() else "unnamed"


def show_value(value: object) -> str:
    """`value` for an error message: one short line that any encoding can carry."""
    try:
        return ascii(value)[:100]
    except RecursionError:
        return "something nested too deeply"


def _bad(fields: dict[str, Any], name: str, expected: str) -> InvalidFrameError:
    if name not in fields:
        return InvalidFrameError(f"field {name} is missing")
    return InvalidFrameError(f"field {name} is {show_value(fields[name])}, not {expected}")
