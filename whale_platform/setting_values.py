"""The kinds of values that settings have: each is checked, and brought into one spelling, by itself.

A value that can't be one raises ValueError, and says what to write; pydantic adds the variable's name. What depends on
several settings is checked in settings.py.
"""

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from whale_platform.storage import object_store

_DURATION = re.compile(r"([1-9][0-9]{0,8}) (second|minute|hour)s?")
_LOCAL_MASTER = re.compile(r"local(\[(\*|\d+)(,\s*\d+)?\])?")
_UNIT_S = {"second": 1.0, "minute": 60.0, "hour": 3_600.0}


def read_secret(setting: str, secret: SecretStr | None, path: Path | None) -> str | None:
    """Return the secret of `setting` (`KAFKA_PASSWORD`), from the file where one is set; None without either.

    Raises ValueError where it is given twice, or the file can't be read.
    """
    if path is None:
        return None if secret is None else secret.get_secret_value()
    if secret is not None:
        raise ValueError(f"it is given twice: unset WHALE_{setting} or WHALE_{setting}_FILE")
    try:
        return path.read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"WHALE_{setting}_FILE: {path} can't be read: {error}") from None


def _split_names(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _split_origins(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())


def _split_files(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(os.pathsep if os.pathsep in value else ",") if part.strip())


def _check_share(value: str) -> str:
    index, slash, count = value.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count) <= 64):
        raise ValueError("write it as 2/3 for the second of three ingesters; 64 are the most")
    return value


def parse_duration_s(text: str) -> float:
    """Return the seconds of a text such as `2 minutes`, as Spark reads it. Raises ValueError."""
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError("write it as a number and a unit: 30 seconds, 2 minutes or 1 hour")
    return int(found[1]) * _UNIT_S[found[2]]


def is_local_master(master: str) -> bool:
    """Whether Spark runs in the driver's own JVM, by Spark's word for where it runs."""
    return _LOCAL_MASTER.fullmatch(master) is not None


def _check_duration(value: str) -> str:
    parse_duration_s(value)
    return value


def _check_networks(value: tuple[str, ...]) -> tuple[str, ...]:
    for text in value:
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise ValueError(f"{text} is no address or network: give such as 127.0.0.1 or 10.0.0.0/8") from None
    return value


def _check_readable(path: Path) -> Path:
    try:
        path.read_text()
    except OSError as error:
        raise ValueError(f"{path} can't be read ({error.strerror})") from None
    return path.absolute()


def _check_uri(value: SecretStr) -> SecretStr:
    """SQLAlchemy takes one spelling of the scheme alone, and only a URI can be shown without its password."""
    scheme, mark, rest = value.get_secret_value().partition("://")
    if not mark or scheme not in ("postgresql", "postgres"):
        raise ValueError("must be a URI, as postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full")
    return SecretStr(f"postgresql://{rest}")


Port = Annotated[int, Field(ge=1, le=65535)]
Memory = Annotated[str, Field(pattern=r"^[1-9]\d*[kmgt]$")]  # of a JVM, such as 768m or 2g
Share = Annotated[str, AfterValidator(_check_share)]  # 2/3: the second of three
Duration = Annotated[str, AfterValidator(_check_duration)]  # 30 seconds, 2 minutes, 1 hour
Ratios = Annotated[tuple[Annotated[float, Field(ge=0)], ...], NoDecode, BeforeValidator(_split_names)]  # commas
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_names)]  # commas between them
Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_origins)]  # commas between them
Networks = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_names), AfterValidator(_check_networks)]
Files = Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_split_files)]  # commas or colons between them
# Services are started in their home, not where the command was given.
AbsolutePath = Annotated[Path, AfterValidator(Path.absolute)]
ReadablePath = Annotated[Path, AfterValidator(_check_readable)]
PostgresUri = Annotated[SecretStr, AfterValidator(_check_uri)]
Endpoint = Annotated[str, AfterValidator(object_store.check_endpoint)]  # of an object store
Location = Annotated[Path | str, BeforeValidator(object_store.parse_location)]  # a folder, or s3://BUCKET/PREFIX
