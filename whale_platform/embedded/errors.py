"""The error of the embedded servers, and what turns a full disk into it.

* ToolchainError (`toolchain/errors.py`)
  x EmbeddedServerError
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whale_platform.toolchain.errors import ToolchainError


class EmbeddedServerError(ToolchainError):
    """An embedded server can't be set up or started; the message is one clear line with the way out."""


@contextmanager
def explain_full_disk(folder: Path) -> Iterator[None]:
    """Raise EmbeddedServerError in place of the bare "no space left on device", which names neither disk nor remedy."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise EmbeddedServerError(f"the disk of {folder} is full: free some space, then it starts by itself") from None
