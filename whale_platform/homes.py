"""Where the state of each source lives, so that real, simulated and recorded trades can never mix.

A base folder holds one home per source (`live`, `simulator`, `replay-<8 hex>`), each with a `home.json` that says what
it was made for; `current` names the last one used. A home refuses every other source, and only its owner may
look into it.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from whale_platform.files.atomic_files import write_json
from whale_platform.home_mark import HOME_MARK
from whale_platform.version import ROOT

if TYPE_CHECKING:  # pydantic takes longer to import than `status` may take
    from whale_platform.settings import SourceKind

DEFAULT_BASE = ROOT / ".whale"
CURRENT_FILE = "current"
PRIVATE_MODE = 0o700


class HomeError(Exception):
    """The folder can't be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Home:
    """One source's state. `files` are the recordings of a replay, `times` how it plays them; `created` in epoch s."""

    path: Path
    source: "SourceKind"
    files: tuple[str, ...] = ()
    times: str | None = None
    created: float = 0.0


def choose_home_name(source: "SourceKind", files: Sequence[Path] = (), times: str = "now") -> str:
    """The folder name within a base; a replay's depends on its files (order too) and times."""
    if source != "replay":
        return source
    text = "\0".join([times, *(str(path.resolve()) for path in files)])
    return f"replay-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def read_home(path: Path) -> Home | None:
    """The home at exactly `path`, or None where there is none. Raises HomeError where its mark can't be read."""
    mark = path / HOME_MARK
    try:
        value = json.loads(mark.read_text())
        return Home(path, value["source"], tuple(value.get("files", ())), value.get("times"), float(value["created"]))
    except FileNotFoundError:
        return None
    except PermissionError:
        raise HomeError(
            f"{path} belongs to another user: run as that user, or name another folder with --home"
        ) from None
    except (OSError, ValueError, TypeError, KeyError):
        raise HomeError(f"{mark} can't be read: move {path} elsewhere, or name another folder with --home") from None


def open_home(folder: Path, source: "SourceKind", files: Sequence[Path] = (), times: str = "now") -> Home:
    """The home for this source under base `folder`, or `folder` itself if it is a home; created if missing.

    Becomes the base's `current`. Raises HomeError where `folder` is a home of another source or can't be
    written.
    """
    folder = folder.expanduser().resolve()
    named = read_home(folder)
    path = folder / choose_home_name(source, files, times) if named is None else folder
    there = named or read_home(path)
    whole = [file.resolve() for file in files]
    if there is not None:
        check_home(there, source, whole, times)
    else:
        there = Home(path, source, tuple(map(str, whole)), times if source == "replay" else None, time.time())
        try:
            path.mkdir(PRIVATE_MODE, parents=True, exist_ok=True)
            _write_mark(there)
        except OSError as error:
            raise HomeError(f"{path} can't be created ({error.strerror}): name another folder with --home") from None
    _keep_private(path)
    set_current_home(there)
    return there


def claim_home(path: Path, source: "SourceKind", files: Sequence[Path] = (), times: str = "now") -> Home:
    """Mark `path` itself as the home of this source where it has no mark: for containers, whose home is a volume.

    Raises HomeError where it is another source's, or can't be written.
    """
    files = files if source == "replay" else ()  # a variable that stands for all sources
    wanted = Home(path, source, tuple(map(str, files)), times if source == "replay" else None, time.time())
    there = read_home(path)
    if there is None:
        try:
            path.mkdir(PRIVATE_MODE, parents=True, exist_ok=True)
            _write_mark(wanted)
        except OSError as error:
            raise HomeError(f"{path} can't be written ({error.strerror}): is the volume this user's?") from None
        return wanted
    check_home(there, source, files, times)
    return there


def check_home(home: Home, source: "SourceKind", files: Sequence[Path] = (), times: str = "now") -> None:
    """Raises HomeError where `home` was made for another source, other recordings or other times."""
    made = home.source, home.files, home.times
    if made != (source, tuple(map(str, files)), times if source == "replay" else None):
        text = home.source + (f" of {', '.join(home.files)} with --times {home.times}" if home.files else "")
        raise HomeError(f"{home.path} holds {text}, which must not mix with another source: name another --home")


def _write_mark(home: Home) -> None:
    value = {"source": home.source, "files": list(home.files), "times": home.times, "created": home.created}
    write_json(home.path / HOME_MARK, value)


def _keep_private(path: Path) -> None:
    """Let nobody but its owner into the home, also one that was made open; left so where the disk has no modes."""
    with contextlib.suppress(OSError):
        if path.stat().st_mode & 0o077:
            path.chmod(PRIVATE_MODE)


def set_current_home(home: Home) -> None:
    """Remember this home as its base's last used."""
    mark = home.path.parent / CURRENT_FILE
    fresh = mark.with_name(f"{CURRENT_FILE}.{os.getpid()}.new")
    try:
        fresh.write_text(home.path.name + "\n")
        fresh.replace(mark)
    except OSError as error:
        raise HomeError(f"{mark} can't be written ({error.strerror}): name another folder with --home") from None


def find_current_home(folder: Path) -> Home | None:
    """`folder` itself where it is a home, else its last used one; None where nothing has run. Raises HomeError."""
    folder = folder.expanduser().resolve()
    if (named := read_home(folder)) is not None:
        return named
    try:
        name = (folder / CURRENT_FILE).read_text().strip()
    except OSError:
        return None
    return read_home(folder / name) if name and Path(name).name == name else None


def choose_base_folder(option: Path | None) -> Path:
    """`--home`, else `WHALE_HOME` of the environment or `.env`, else `.whale` beside the package."""
    if option is not None:
        return option
    if given := os.environ.get("WHALE_HOME"):
        return Path(given)
    if Path(".env").is_file():
        from dotenv import dotenv_values

        if given := dotenv_values(".env").get("WHALE_HOME"):
            return Path(given)
    return DEFAULT_BASE
