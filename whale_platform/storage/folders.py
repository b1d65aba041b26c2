"""Folders that lie on a disk or in an object store: what differs between the two, and nothing else.

A `Folder` is pathlib's Path or, for `s3://…`, a UPath, which has the same methods over fsspec. What object stores do
not have (folders, a rename, a replacement under another name) is answered here once: an object appears whole with the
request that writes it, a folder is the objects whose names begin with it, and moving is copying. Raises OSError, of an
object store ObjectStoreError.
"""

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard, Union

from whale_platform.files import atomic_files
from whale_platform.storage.object_store import ObjectStore

if TYPE_CHECKING:
    from upath import UPath

Folder = Union[Path, "UPath"]  # by its name: every process loads this module, and few have an object store


class FileStatus(NamedTuple):
    """A file's size in bytes and when it was written, in seconds since 1970."""

    size: int
    modified: float


def open_object_folder(store: ObjectStore, url: str, scratch: Path) -> "UPath":
    """Return the folder `s3://BUCKET/PREFIX`; `scratch` is a folder on this machine's disk for work beside it."""
    from upath import UPath  # this and the client are loaded only where there is an object store

    from whale_platform.storage import object_files

    object_files.register()
    return UPath(url, options=tuple(sorted(store.build_options().items())), scratch=str(scratch))


def is_remote(folder: Folder) -> TypeGuard["UPath"]:
    """Whether it lies in an object store."""
    return not isinstance(folder, Path)


def scratch_folder(folder: Folder) -> Path:
    """Where work beside `folder` may lie that is this machine's own: its parent, or the home's where it is remote."""
    return folder.parent if isinstance(folder, Path) else Path(folder.fs.scratch)


def object_options(folder: Folder) -> dict[str, str] | None:
    """The options by which delta-rs reaches `folder`; None on a disk."""
    if isinstance(folder, Path):
        return None
    options: dict[str, str] = folder.fs.object_options
    return {**options, "aws_allow_http": "true"}


def spark_path(path: Folder) -> str:
    """The path as Spark and Hadoop spell it."""
    return str(path.absolute()) if isinstance(path, Path) else f"s3a://{path.path}"


def relative_text(path: Folder, folder: Folder) -> str:
    """The path of something in `folder` as a person reads it there."""
    return str(path).removeprefix(f"{folder}/")


def write_json(path: Folder, value: Any) -> None:
    """Replace the file by `value` as JSON in one step; what JSON does not know is written as text."""
    if isinstance(path, Path):
        atomic_files.write_json(path, value)
    else:
        path.fs.pipe_file(path.path, json.dumps(value, default=str).encode())


def list_names(folder: Folder) -> list[str]:
    """The names in `folder`; none where it is not there. Raises OSError where that can't be known."""
    with suppress(FileNotFoundError):
        if isinstance(folder, Path):
            return [path.name for path in folder.iterdir()]
        return [str(name).rstrip("/").rpartition("/")[2] for name in folder.fs.ls(folder.path, detail=False)]
    return []


def list_folders(folder: Folder) -> list[str]:
    """The names of the folders in `folder`; in an object store, of those that hold a file that is not empty.

    What is left there of a deleted one is empty. Raises as `list_names`.
    """
    if isinstance(folder, Path):
        return [name for name in list_names(folder) if (folder / name).is_dir()]
    return [name for name in list_names(folder) if any(status.size for status in list_files(folder / name))]


def list_files(folder: Folder) -> Iterator[FileStatus]:
    """The status of each file below `folder`; what is deleted meanwhile is left out."""
    if not isinstance(folder, Path):
        for found in folder.fs.list_objects(folder.path):
            yield FileStatus(int(found["size"]), found["last_modified"].timestamp())
        return
    for parent, _, names in os.walk(str(folder)):
        for name in names:
            with suppress(FileNotFoundError):
                status = Path(parent, name).stat()
                yield FileStatus(status.st_size, status.st_mtime)


def find_files(folder: Folder, pattern: str) -> list[Folder]:
    """The files at `folder/pattern`, sorted, such as `date=*/*.parquet`. Raises OSError where that can't be known.

    A UPath's own `glob` returns nothing where the store does not respond, as if there were no such files.
    """
    if isinstance(folder, Path):
        return sorted(folder.glob(pattern))
    prefix = folder.path.partition("/")[2]
    names = (found["path"].removeprefix(f"{prefix}/") for found in folder.fs.list_objects(folder.path))
    depth = len(PurePosixPath(pattern).parts)
    fit = (name for name in names if len(PurePosixPath(name).parts) == depth and PurePosixPath(name).match(pattern))
    return [folder / name for name in sorted(fit)]


def delete_folder(folder: Folder) -> None:
    """Delete `folder` with all that is in it, as far as that is possible."""
    if isinstance(folder, Path):
        shutil.rmtree(folder, ignore_errors=True)
    else:
        with suppress(OSError):
            folder.fs.delete_below(folder.path)


def move_folder(folder: Folder, target: Folder) -> None:
    """Move `folder` to `target`, which is not there. In an object store all is copied before anything is deleted."""
    if isinstance(folder, Path) and isinstance(target, Path):
        folder.rename(target)
    elif is_remote(folder) and is_remote(target):
        folder.fs.copy_below(folder.path, target.path)
        folder.fs.delete_below(folder.path)


def move_file(path: Folder, target: Folder) -> None:
    """Move one file into a folder, which is made where it is missing."""
    if isinstance(path, Path) and isinstance(target, Path):
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    elif is_remote(path) and is_remote(target):
        path.fs.cp_file(path.path, target.path)
        path.unlink()


def explain_unusable(folder: Folder) -> str:
    """Why files can't be written, listed, read and deleted in `folder`, in one sentence; empty where they can."""
    probe = folder / f".probe-{uuid.uuid4().hex}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(probe, {})
        found = probe.name in list_names(folder) and probe.read_text() == "{}"
        probe.unlink()
    except OSError as error:
        return str(error)
    return "" if found else f"{folder} does not show what was written there a moment ago"
