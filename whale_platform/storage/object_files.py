"""Object stores as a file system of fsspec, by obstore, for UPath (`folders.py`) and DuckDB.

obstore's own adapter lacks what is added here: a file that fills each read as DuckDB expects it (obstore's returns
fewer bytes at the end of its buffer), errors that are OSErrors and say what to correct, folders copied and deleted.
"""

import functools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import fsspec
from fsspec.spec import AbstractBufferedFile
from obstore.exceptions import BaseError
from obstore.fsspec import BufferedFile, FsspecStore

from whale_platform.storage.errors import ObjectStoreError
from whale_platform.storage.object_store import RETRIES, RETRY_S, SCHEME

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import S3Config

READ_AHEAD = 1_000_000  # bytes
NO_BUCKET = "NoSuchBucket"
_CODE = re.compile(r"<Code>(\w+)</Code>")


class ObjectFileSystem(FsspecStore):
    """`s3://…` with the options of `ObjectStore`."""

    protocol = "s3"

    def __init__(self, options: tuple[tuple[str, str], ...], scratch: str, **more: Any) -> None:
        """`options`: of object_store, in pairs; `scratch` is kept for `folders.scratch_folder`."""
        self.object_options, self.scratch = dict(options), scratch
        super().__init__(
            "s3",
            config=cast("S3Config", self.object_options),
            client_options={"allow_http": True},  # where the endpoint is one
            retry_config={"max_retries": RETRIES, "retry_timeout": timedelta(seconds=RETRY_S)},
            **more,
        )

    def list_objects(self, path: str) -> "list[ObjectMeta]":
        """Each object below `path`: its "path" without the bucket, its "size" and "last_modified".

        Hadoop marks folders by empty objects, whose names end in a slash. They are among these without it, and can be
        neither copied nor deleted by object_store.
        """
        bucket, prefix = self._split_path(path)
        with _translate_errors(path):
            return list(self._construct_store(bucket).list(f"{prefix}/").collect())

    def copy_below(self, path: str, target: str) -> None:
        """Copy each object below `path` to the same name below `target`, in the same bucket."""
        (bucket, prefix), (_, wanted) = self._split_path(path), self._split_path(target)
        for one in self.list_objects(path):
            with suppress(FileNotFoundError), _translate_errors(path):  # the mark of a folder, or deleted meanwhile
                self._construct_store(bucket).copy(one["path"], wanted + one["path"].removeprefix(prefix))

    def delete_below(self, path: str) -> None:
        """Delete each object below `path`, a thousand in one request."""
        bucket = self._split_path(path)[0]
        if names := [one["path"] for one in self.list_objects(path)]:
            with _translate_errors(path):
                self._construct_store(bucket).delete(names)

    def _open(self, path: str, mode: str = "rb", **more: Any) -> Any:  # type: ignore[override]
        if mode == "rb":
            return ObjectReader(self, path, cache_type="readahead", block_size=READ_AHEAD)
        return ObjectWriter(self, path, "wb")


class ObjectReader(AbstractBufferedFile):  # type: ignore[misc]
    """An object that is read by ranges; a read returns as many bytes as were requested, up to the object's end."""

    def _fetch_range(self, start: int, end: int) -> bytes:
        found: bytes = self.fs.cat_file(self.path, start=start, end=end)
        return found


class ObjectWriter(BufferedFile):
    """An object that appears when this is closed."""

    def write(self, data: bytes) -> int:
        """Keep the bytes, or upload them as a part; returns how many."""
        with _translate_errors(self.path):
            return super().write(data)

    def close(self) -> None:
        """Upload what is left."""
        with _translate_errors(self.path):
            super().close()


@functools.cache
def register() -> None:
    """Make fsspec, and by it UPath, use this for `s3://`."""
    fsspec.register_implementation("s3", ObjectFileSystem, clobber=True)


@contextmanager
def _translate_errors(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as missing:
        if NO_BUCKET not in str(missing):
            raise
        raise ObjectStoreError(explain_failure(str(missing), path)) from None
    except (BaseError, OSError) as error:  # obstore's files raise OSErrors of their own
        raise ObjectStoreError(explain_failure(str(error), path)) from None


def _wrap_request(request: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(request)
    async def run(files: FsspecStore, path: Any, *args: Any, **more: Any) -> Any:
        with _translate_errors(str(path)):
            return await request(files, path, *args, **more)

    return run


for _name in ("_cat_file", "_pipe_file", "_cp_file", "_rm_file", "_info", "_ls"):
    setattr(ObjectFileSystem, _name, _wrap_request(getattr(FsspecStore, _name)))


def explain_failure(text: str, path: str) -> str:
    """One sentence for a person: what failed at `path`, and which setting may be wrong. `text`: object_store's own."""
    code = _CODE.search(text)
    said = code[1] if code else " ".join(text.split())[:300]
    if NO_BUCKET in text:
        bucket = path.removeprefix(SCHEME).partition("/")[0]
        return f"the object store has no bucket {bucket}: create it, or correct the setting"
    if "403 Forbidden" in text or "401 Unauthorized" in text:
        return (
            f"the object store refused {path} ({said}): correct WHALE_S3_KEY and WHALE_S3_SECRET, or permit them to "
            "list, read, write and delete there"
        )
    return f"the object store failed at {path} ({said}): see WHALE_S3_ENDPOINT"
