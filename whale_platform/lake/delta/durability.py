"""What a loss of power may leave of the table: nothing torn that was committed, and a torn newest commit set aside.

A commit names files that must be on the disk before it is, so both are flushed. What is torn all the same, a disk lies,
is the newest commit or none: it is moved beside the table by the next writer, so that the version before it counts
again. Its trades come again from Kafka or from the dump, since the table's own positions went back with it. Readers
refuse such a table with a sentence (table.py), because an empty commit would hide what it had.
"""

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path

import structlog

from whale_platform.lake.delta import commit_log
from whale_platform.lake.errors import LakeError
from whale_platform.storage import folders
from whale_platform.storage.folders import Folder


def sync_files(paths: Iterable[Folder]) -> None:
    """Return once these files and their names are on the disk; an object store has what it has acknowledged.

    Raises OSError.
    """
    files = [path for path in paths if isinstance(path, Path)]
    for path in {*files, *(file.parent for file in files)}:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def refuse_torn_commit(root: Folder, version: int | None = None) -> None:
    """Raises LakeError where the commit of `version`, else the newest, is torn; its file and the way out are named."""
    version = commit_log.find_last_version(root) if version is None else version
    if version is not None and not folders.is_remote(root) and _is_torn(root, version):
        raise LakeError(
            f"{commit_log.commit_path(root, version)} is torn, as after a loss of power: the stream sets it "
            "aside when it starts (`whale up`), and so does an import; the version before it counts then"
        )


def set_aside_torn_commits(root: Folder) -> list[Path]:
    """Move torn newest commits beside the table; returns where they are now. For writers, before they begin."""
    moved: list[Path] = []
    if not isinstance(root, Path):  # an object is whole or not there
        return moved
    with (root.parent / f"{root.name}.mend.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a commit stands in its own way, so nobody writes another in its place
        while (version := commit_log.find_last_version(root)) is not None and _is_torn(root, version):
            commit = root / "_delta_log" / commit_log.commit_path(root, version).name
            commit_log.index_path(root).unlink(missing_ok=True)
            aside = root.parent / f"{root.name}.torn.{commit.name}"
            commit.replace(aside)
            moved.append(aside)
            structlog.get_logger().error(
                "the lake's newest commit was torn, as after a loss of power, and is set aside: what it brought comes "
                "again from Kafka; a dump that was being imported is to be imported again",
                commit=str(commit),
                moved_to=str(aside),
            )
    return moved


def _is_torn(root: Folder, version: int) -> bool:
    """Empty, cut off, or blocks that were never written; not what is not there, as after a clean-up of the log."""
    return commit_log.commit_path(root, version).exists() and commit_log.read_commit(root, version) is None
