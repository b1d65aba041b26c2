"""Fields of captured frames, checked as far as a recording needs it."""

import re


def read_decimal_text(text: object) -> str:
    """`text` as it is, where it is a plain decimal. Raises ValueError."""
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        raise ValueError(f"{text!r} is not a decimal string")
    return text
