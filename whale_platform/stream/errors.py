"""Exceptions of the stream. What concerns the lake is a LakeError (`stream/lake_query/restore.py`).

* StreamError
  + CheckpointMismatchError
    x ForeignCheckpointError
"""


class StreamError(Exception):
    """Base of all exceptions of the stream."""


class CheckpointMismatchError(StreamError):
    """The checkpoint can't be used; the message says why."""


class ForeignCheckpointError(CheckpointMismatchError):
    """The checkpoint belongs to another Kafka cluster; the message says what a person can do."""
