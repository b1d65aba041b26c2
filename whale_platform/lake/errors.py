"""The ways in which a lake says no, in this platform's own words; each message says what to do."""


class LakeError(Exception):
    """Something about the lake; the subclasses say what."""


class NotThere(LakeError):
    """No table (yet), or no such version of it."""


class Damaged(LakeError):
    """A Parquet file that the table names can't be read."""


class Vanished(LakeError):
    """A file of the version being read is gone: vacuum or retention has passed it."""


class Full(LakeError):
    """No space left where the lake lies, or where a large sort spills."""


class Busy(LakeError):
    """Others changed the same part of the table again and again; nothing was written."""
