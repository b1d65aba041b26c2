"""Exceptions of the lake; each message says what to do."""


class LakeError(Exception):
    """Something about the lake; the subclasses say what."""


class LakeNotFoundError(LakeError):
    """No table (yet), or no such version of it."""


class DamagedFileError(LakeError):
    """A Parquet file that the table names can't be read."""


class FileMissingError(LakeError):
    """A file of the version being read is gone: vacuum or retention has passed it."""


class DiskFullError(LakeError):
    """No space left where the lake lies, or where a large sort spills."""


class ConcurrentCommitError(LakeError):
    """Others changed the same part of the table again and again; nothing was written."""
