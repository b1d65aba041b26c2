"""The one error of this room: a line for the operator that says what to do."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class ToolchainError(Exception):
    """An embedded server or its parts can't be had; the message is one clear line with the way out."""


@contextmanager
def explain_full_disk(folder: Path) -> Iterator[None]:
    """Raises ToolchainError in place of the bare "no space left on device", which names neither disk nor remedy."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise ToolchainError(f"the disk of {folder} is full: free some space, then it starts by itself") from None
