"""The table's log as files: which versions it has, what a commit says, and where the index of the newest hours lies.

Read without the lake's library, which takes longer to load. Raises LakeError where an object store does not tell.
"""

import json
from typing import Any

from whale_platform.lake.errors import LakeError
from whale_platform.storage import folders
from whale_platform.storage.errors import ObjectStoreError
from whale_platform.storage.folders import Folder


def commit_path(root: Folder, version: int) -> Folder:
    """Where the commit of that version stands."""
    return root / "_delta_log" / f"{version:020d}.json"


def find_last_version(root: Folder) -> int | None:
    """The newest version whose commit stands in the log; None where there is no table yet."""
    names = (name.partition(".") for name in folders.list_names(root / "_delta_log"))
    return max((int(stem) for stem, _, suffix in names if stem.isdigit() and suffix == "json"), default=None)


def read_commit(root: Folder, version: int) -> list[dict[str, Any]] | None:
    """The actions of one version's commit; None where the log does not have it (any more), or has it torn.

    Raises LakeError where an object store does not tell.
    """
    try:
        lines = commit_path(root, version).read_bytes().splitlines()
        return [json.loads(line) for line in lines if line] or None
    except ObjectStoreError as error:  # it is not known whether the log has it
        raise LakeError(f"the lake can't be reached: {error}") from None
    except (OSError, ValueError):
        return None


def index_path(root: Folder) -> Folder:
    """Where the index of the newest hours lies (newest.py); whoever takes a commit back deletes it."""
    return root.parent / f"{root.name}.newest.json"
