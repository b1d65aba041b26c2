"""The options that several benchmarks have. Nothing here fails."""

from pathlib import Path
from typing import Annotated

import typer

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home", metavar="DIR", help="Folder in which the scratch home is made (default: the temporary one)."
    ),
]
RateOption = Annotated[float, typer.Option(min=1, help="Trades a second, over all symbols and exchanges.")]
SymbolsOption = Annotated[int, typer.Option("--symbols", min=2, help="Markets to generate trades of.")]
