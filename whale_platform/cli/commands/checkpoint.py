"""`whale checkpoint`: the stream's checkpoints, and how to reset them without losing anything."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from whale_platform.cli.common.context import load_home_settings, require_home
from whale_platform.cli.common.error_messages import explain_errors
from whale_platform.cli.common.errors import UserError
from whale_platform.cli.common.options import HomeOption
from whale_platform.storage.folders import Folder, relative_text
from whale_platform.stream.query import checkpoints
from whale_platform.supervision.errors import LeaseRefusedError

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The stream's checkpoints: list, archive, reset.")
Query = Annotated[str, typer.Argument(metavar="windows|whales|lake|all")]


@app.command("list")
def list_checkpoints(home: HomeOption = None) -> None:
    """Every checkpoint: query, mode, version, last batch, place in the topic, size, age; archived ones last."""
    root = load_home_settings(require_home(home)).stream_home
    with explain_errors():
        found = checkpoints.list_checkpoints(root)
    if not found:
        print("whale: no checkpoints yet: they appear when the stream has run", file=sys.stderr)
    for item in found:
        label = item.label
        what = (
            f"{label.query:<8} {label.mode or 'any mode':<10} v{label.version}"
            if label
            else f"{'no readable label':<22}"
        )
        places = " ".join(f"{part}:{place}" for part, place in sorted(item.offsets.items())) or "-"
        age = "-" if item.modified is None else f"{(time.time() - item.modified) / 60:.0f} min ago"
        batch = "-" if item.batch is None else item.batch
        where = relative_text(item.path, root)
        print(f"{what}  batch {batch}  offsets {places}  {item.size / 1e6:.1f} MB  {age}  {where}")


@app.command()
def archive(query: Query, home: HomeOption = None) -> None:
    """Move a query's checkpoint aside and keep it. The next start reads the topic from its beginning."""
    for path in _set_aside(home, query):
        print(f"whale: kept as {path}", file=sys.stderr)


@app.command()
def reset(query: Query, home: HomeOption = None) -> None:
    """Start a query afresh: archive its checkpoint; the topic is read again and rows are only ever upserted."""
    moved = _set_aside(home, query)
    print(f"whale: {len(moved)} checkpoints archived; now `whale restart stream`, or `whale up`", file=sys.stderr)


def _set_aside(option: Path | None, query: str) -> list[Folder]:
    home = require_home(option)
    try:
        with explain_errors():
            return checkpoints.archive_under_lease(home.path, load_home_settings(home).stream_home, query)
    except LeaseRefusedError as refused:
        raise UserError(f"{refused}: stop it first with `whale down`, then try again") from None
