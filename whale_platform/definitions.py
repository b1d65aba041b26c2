"""Everything Dagster shows and runs here, by `dagster`, `dg` and the UI: whatever the folder `defs` defines.

Importing this module does no work; Dagster calls `defs` when it loads the code location. A module of `defs` that
cannot be imported, or two definitions of one name, end the load with the reason.
"""

from pathlib import Path

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of every module under `defs`, as `dg` finds them."""
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
