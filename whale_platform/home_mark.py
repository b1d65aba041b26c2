"""Which source a home was made for, as its mark says: trades of two sources must never mix in one home.

`homes.py` writes the mark and explains; a service asks here at its start, however it was started.
"""

import json
from pathlib import Path

HOME_MARK = "home.json"


def explain_wrong_source(home: Path, source: str) -> str:
    """Why a service of `source` must not run in `home`; empty where it may, also where nothing marks the home."""
    try:
        made_for = json.loads((home / HOME_MARK).read_text())["source"]
    except (OSError, ValueError, TypeError, KeyError):
        return ""
    if made_for == source:
        return ""
    return f"{home} holds trades of WHALE_SOURCE={made_for}, and {source} was asked for: give it another WHALE_HOME"
