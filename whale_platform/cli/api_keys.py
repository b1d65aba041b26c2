"""`whale api-key`: the keys of a home, in the operator's words. Needs nothing to be running."""

from datetime import UTC, datetime
from pathlib import Path

from whale_platform import homes
from whale_platform.api import keys
from whale_platform.api.keys import KeyFileError
from whale_platform.cli.errors import UserError


def add(option: Path | None, name: str) -> str:
    """Make a key; returns it. Raises UserError."""
    try:
        return keys.add(_folder(option), name)
    except KeyFileError as error:
        raise UserError(str(error)) from None


def listed(option: Path | None) -> list[tuple[str, str]]:
    """(name, when it was made in UTC). Raises UserError."""
    try:
        found = keys.read(_folder(option))
    except KeyFileError as error:
        raise UserError(str(error)) from None
    return [(key.name, f"{datetime.fromtimestamp(key.created, UTC):%Y-%m-%d %H:%M:%S}") for key in found]


def remove(option: Path | None, name: str) -> None:
    """Forget a key. Raises UserError."""
    try:
        keys.remove(_folder(option), name)
    except KeyFileError as error:
        raise UserError(str(error)) from None


def _folder(option: Path | None) -> Path:
    """The home in use; in a container, where no `up` made one, the folder itself."""
    folder = homes.base_folder(option)
    home = homes.current(folder)
    if home is not None:
        return home.path
    if (folder / "run").is_dir():
        return folder
    raise UserError(f"nothing has run in {folder} yet: start it with `whale up`")
