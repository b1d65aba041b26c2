"""Exceptions of the lake; each message says what to do.

* LakeError
  x LakeNotFoundError
  x DamagedFileError
  x FileMissingError
  x DiskFullError
  x ConcurrentCommitError
  x NewerTableError
  x InvalidDumpError
  x InvalidStatementError

The stream adds RowsLostError (`stream/lake_query/restore.py`).
"""


class LakeError(Exception):
    """Base of all exceptions of the lake."""


class LakeNotFoundError(LakeError):
    """No table (yet), or no such version of it."""


class DamagedFileError(LakeError):
    """A Parquet file that the table names can't be read."""


class FileMissingError(LakeError):
    """A file of the version being read was deleted: vacuum or retention has passed it."""


class DiskFullError(LakeError):
    """No space left on the lake's disk, or where a large sort spills."""


class ConcurrentCommitError(LakeError):
    """Others changed the same part of the table again and again; nothing was written."""


class NewerTableError(LakeError):
    """A newer release has added columns to the table, which what this one writes again would lose."""


class InvalidDumpError(LakeError):
    """This file can't be imported, and nothing of it was; the message says why and what to do."""


class InvalidStatementError(LakeError):
    """The SQL is not a single statement that only reads, or has a mistake."""
