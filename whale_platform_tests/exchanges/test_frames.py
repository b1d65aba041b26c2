"""Checked fields: JSON numbers keep every digit, and times every microsecond."""

from decimal import Decimal

import pytest

from whale_platform.exchanges import frames
from whale_platform.exchanges.errors import InvalidFrameError


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0.1", "0.1"),
        ("5", "5"),
        ("0", "0"),
        ("67890.10", "67890.10"),
        ("123456789012345678.123456789012345678", "123456789012345678.123456789012345678"),
        ("1e-8", "0.00000001"),
        ("2.5E+3", "2500"),
    ],
)
def test_a_json_number_is_read_to_its_last_digit(text: str, number: str) -> None:
    assert frames.read_number(frames.load_object(f'{{"price":{text}}}'), "price") == Decimal(number)


@pytest.mark.parametrize(
    "text", ["-0.1", "-1", '"0.1"', "true", "null", "[1.5]", "1e400", "1.5e-100", f"0.{'1' * 26}", f"{'9' * 26}.0"]
)
def test_what_is_no_plain_json_number_is_refused_and_named(text: str) -> None:
    fields = frames.load_object(f'{{"price":{text}}}')
    with pytest.raises(InvalidFrameError, match=r"field price is .*, not a non-negative JSON number"):
        frames.read_number(fields, "price")


def test_a_json_number_is_no_string() -> None:
    fields = frames.load_object('{"price":1.5}')
    for read in (frames.read_decimal, frames.read_text, frames.read_integer):
        with pytest.raises(InvalidFrameError, match=r"field price is 1\.5, not"):
            read(fields, "price")
