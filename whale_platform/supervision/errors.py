"""Exceptions of the supervision; each message says what to do.

* SupervisionError
  x LeaseRefusedError
  x ServiceBlockedError
  x SetupProgramError
  x CommandRefusedError
"""


class SupervisionError(Exception):
    """Base of all exceptions of the supervision."""


class LeaseRefusedError(SupervisionError):
    """Another process holds the lease; the message names its pid."""


class ServiceBlockedError(SupervisionError):
    """Raised by `prepare` of a service: a new start can't help; the message says what a person must do."""


class SetupProgramError(SupervisionError):
    """The program was ended before its time; the message says why."""


class CommandRefusedError(SupervisionError):
    """A service can't be started, stopped or restarted, or this has failed; the message says why and what to do."""
