"""`whale api-key`: the keys of a home, in the operator's words. Needs nothing to be running."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import typer

from whale_platform import homes
from whale_platform.api import keys
from whale_platform.cli.app import HomeOption
from whale_platform.cli.errors import UserError
from whale_platform.cli.explained import explained

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Who may ask the API.")


@app.command()
def add(name: str, home: HomeOption = None) -> None:
    """Make a key and print it, this once; the API asks for keys as soon as there is one."""
    with explained():
        print(keys.add(_folder(home), name))


@app.command("list")
def listed(home: HomeOption = None) -> None:
    """Every key's name and when it was made."""
    with explained():
        found = keys.read(_folder(home))
    for key in found:
        print(f"{key.name:<40} {datetime.fromtimestamp(key.created, UTC):%Y-%m-%d %H:%M:%S}")


@app.command()
def remove(name: str, home: HomeOption = None) -> None:
    """Refuse a key from now on."""
    with explained():
        keys.remove(_folder(home), name)
    print(f"whale: {name} is refused from now on", file=sys.stderr)


def _folder(option: Path | None) -> Path:
    """The home in use; in a container, where no `up` made one, the folder itself."""
    folder = homes.base_folder(option)
    home = homes.current(folder)
    if home is not None:
        return home.path
    if (folder / "run").is_dir():
        return folder
    raise UserError(f"nothing has run in {folder} yet: start it with `whale up`")
