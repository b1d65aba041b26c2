"""What an operator did that can't work: one line on stderr, exit code 2, never a traceback. Cheap to import."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError

USER_ERROR = 2


class UserError(Exception):
    """The message is the line, and says what to do."""


def setting_error(error: "ValidationError", options: Mapping[str, str]) -> str:
    """`WHALE_KAFKA_PORT=abc: …` for the first wrong setting; `options` names the ones that came by command line."""
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0])
    reason = str(first["msg"]).removeprefix("Value error, ")
    if name in options:
        return f"{options[name]} {_shown(first['input'])}: {reason}"
    value = "" if "dsn" in name else f"={_shown(first['input'])}"
    return f"WHALE_{name.upper()}{value}: {reason}"


def _shown(value: Any) -> str:
    text = ",".join(str(part) for part in value) if isinstance(value, tuple | list) else str(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
