"""Options that many commands share; imported by whatever builds a command line with typer."""

from pathlib import Path
from typing import Annotated

import typer

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", metavar="DIR", help="Folder of the platform's state (default: .whale here, or WHALE_HOME)."),
]
