"""A file as it is served: read, hashed and compressed once, and again after it has changed on the disk."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

_LEVEL = 9  # once a change, not once a request as in `responses`


@dataclass(frozen=True, slots=True)
class FileSnapshot:
    """The bytes of one state of a file; `compressed` is None where that saves too little, as with pictures."""

    body: bytes
    compressed: bytes | None
    etag: str


class CachedFile:
    """Safe to ask from several threads: at worst two of them read it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[tuple[int, int], FileSnapshot] | None = None

    def read(self) -> FileSnapshot:
        """As it is on the disk now. Raises OSError where it is not there."""
        found, seen = self.path.stat(), self._seen
        mark = (found.st_mtime_ns, found.st_size)
        if seen is None or seen[0] != mark:
            seen = self._seen = (mark, _prepare(self.path.read_bytes()))
        return seen[1]


def _prepare(body: bytes) -> FileSnapshot:
    compressed = gzip.compress(body, _LEVEL, mtime=0)
    worth = len(compressed) < 0.9 * len(body)
    return FileSnapshot(body, compressed if worth else None, f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"')
