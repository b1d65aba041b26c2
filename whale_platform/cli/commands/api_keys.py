"""`whale api-key`: the keys of a home, in the operator's words. Needs nothing to be running."""

import sys
from datetime import UTC, datetime

import typer

from whale_platform.api.server import api_keys
from whale_platform.cli.common.context import require_home
from whale_platform.cli.common.error_messages import explain_errors
from whale_platform.cli.common.options import HomeOption

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Who may ask the API.")


@app.command()
def add(name: str, home: HomeOption = None) -> None:
    """Make a key and print it, this once; the API asks for keys as soon as there is one."""
    with explain_errors():
        print(api_keys.add_key(require_home(home).path, name))


@app.command("list")
def list_keys(home: HomeOption = None) -> None:
    """Every key's name and when it was made."""
    with explain_errors():
        found = api_keys.read_keys(require_home(home).path)
    for key in found:
        print(f"{key.name:<40} {datetime.fromtimestamp(key.created, UTC):%Y-%m-%d %H:%M:%S}")


@app.command()
def remove(name: str, home: HomeOption = None) -> None:
    """Refuse a key from now on."""
    with explain_errors():
        api_keys.remove_key(require_home(home).path, name)
    print(f"whale: {name} is refused from now on", file=sys.stderr)
