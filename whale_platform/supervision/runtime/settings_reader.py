"""The settings of a program that a supervisor or a container's engine starts, or one line about the first wrong one.

A traceback and exit code 1 would be answered by starting it again for ever; code 78 says that a person must act. Cheap
to import: pydantic comes with the settings.
"""

import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from whale_platform.supervision.runtime import exit_codes

if TYPE_CHECKING:
    from pydantic import ValidationError

    from whale_platform.settings import Settings


def read_settings(program: str) -> "Settings":
    """The environment's. Where one is wrong: `program` and `describe_setting_error` on stderr, and SystemExit with
    BLOCKED."""
    from pydantic import ValidationError

    from whale_platform.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        print(f"{program}: {describe_setting_error(error)}", file=sys.stderr)
        sys.exit(exit_codes.BLOCKED)


def describe_setting_error(error: "ValidationError", options: Mapping[str, str] = MappingProxyType({})) -> str:
    """`WHALE_KAFKA_PORT=abc: …` for the first wrong setting; `options` names the ones that came by command line."""
    first = error.errors(include_url=False)[0]
    reason = str(first["msg"]).removeprefix("Value error, ")
    name = str(first["loc"][0])
    if name in options:
        return f"{options[name]} {_shorten(first['input'])}: {reason}"
    value = "" if "dsn" in name else f"={_shorten(first['input'])}"
    return f"WHALE_{name.upper()}{value}: {reason}"


def _shorten(value: Any) -> str:
    text = ",".join(str(part) for part in value) if isinstance(value, tuple | list) else str(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
