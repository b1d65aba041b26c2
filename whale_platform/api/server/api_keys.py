"""API keys: a file of their hashes in the home, readable by its owner alone.

In a file and not in Postgres, because who may ask must be known also while the database is unavailable, and before the
first migration. A key is 256 random bits, so a plain SHA-256 is enough: a salt and a slow hash protect what people
choose, which can be guessed, and would cost every request 50 ms. Adding and removing takes effect within a second,
without a restart. A file that can't be read lets nobody in.
"""

import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from whale_platform.api.errors import KeyFileError
from whale_platform.files.file_lock import hold_lock

KEY_FILE = "api-keys.json"
RECHECK_S = 1.0
NAME_PATTERN = re.compile(r"[A-Za-z0-9_.-]{1,40}")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key as it is kept. `created`: epoch seconds."""

    name: str
    sha256: str
    created: float


def read_keys(home: Path) -> list[ApiKey]:
    """All keys, oldest first; none where there is no file. Raises KeyFileError."""
    path = home / KEY_FILE
    try:
        found = json.loads(path.read_text())
        return [ApiKey(str(one["name"]), str(one["sha256"]), float(one["created"])) for one in found["keys"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError):
        raise KeyFileError(f"{path} can't be read: mend or delete it, then add the keys again") from None


def add_key(home: Path, name: str) -> str:
    """Make a key; returns it, the only time it can be seen. Raises KeyFileError."""
    if not NAME_PATTERN.fullmatch(name):
        raise KeyFileError(f"{name!a} can't be a key's name: use letters, digits, dots, - and _")
    with _hold_key_lock(home):
        keys = read_keys(home)
        if any(key.name == name for key in keys):
            raise KeyFileError(f"there is a key {name} already: remove it first, or choose another name")
        made = f"whale_{secrets.token_urlsafe(32)}"
        _write(home, [*keys, ApiKey(name, hash_key(made), time.time())])
    return made


def remove_key(home: Path, name: str) -> None:
    """Forget a key; who uses it is refused within a second. Raises KeyFileError where there is none."""
    with _hold_key_lock(home):
        keys = read_keys(home)
        left = [key for key in keys if key.name != name]
        if len(left) == len(keys):
            raise KeyFileError(f"there is no key {name!a}: see `whale api-key list`")
        _write(home, left)


def hash_key(key: str) -> str:
    """Return the SHA-256 of a key, in hex."""
    return hashlib.sha256(key.encode()).hexdigest()


class ApiKeyRegistry:
    """The keys as they are now, looked up by a request. Used by one thread."""

    def __init__(self, home: Path) -> None:
        """Read the file of `home`. Raises KeyFileError."""
        self._home = home
        self._mark = self._read_mark()
        self._names = self._load()
        self._looked = time.monotonic()

    @property
    def has_keys(self) -> bool:
        """Whether there is one, or the file can't be read."""
        self._refresh()
        return self._names is None or bool(self._names)

    def name_of(self, key: str) -> str | None:
        """Whose key it is; None where it is nobody's."""
        self._refresh()
        return (self._names or {}).get(hash_key(key))

    def has_name(self, name: str) -> bool:
        """Whether a key of that name is there still."""
        self._refresh()
        return name in (self._names or {}).values()

    def _refresh(self) -> None:
        now = time.monotonic()
        if now - self._looked < RECHECK_S:
            return
        self._looked = now
        if (mark := self._read_mark()) != self._mark:
            self._mark = mark
            try:
                self._names = self._load()
            except KeyFileError:
                self._names = None

    def _load(self) -> dict[str, str] | None:
        return {key.sha256: key.name for key in read_keys(self._home)}

    def _read_mark(self) -> tuple[int, int, int]:
        try:
            found = (self._home / KEY_FILE).stat()
        except OSError:
            return 0, 0, 0
        return found.st_mtime_ns, found.st_size, found.st_ino


@contextmanager
def _hold_key_lock(home: Path) -> Iterator[None]:
    try:
        with hold_lock(home / f"{KEY_FILE}.lock"):
            yield
    except OSError as error:
        raise KeyFileError(f"{home / KEY_FILE} can't be written: {error.strerror}") from None


def _write(home: Path, keys: list[ApiKey]) -> None:
    fresh = home / f"{KEY_FILE}.new"
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({"keys": [asdict(key) for key in keys]}, file, indent=1)
    fresh.replace(home / KEY_FILE)
