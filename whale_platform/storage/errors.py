"""Exceptions of the storage."""


class ObjectStoreError(OSError):
    """The object store refused a request or did not respond; the message names the request and what to correct.

    It is an OSError, so whoever expects that a disk fails expects this too. An object that is not there is a
    FileNotFoundError, as on a disk.
    """
