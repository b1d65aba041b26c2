"""Exceptions of the exchanges: what leaves an adapter, and what the simulated side of an exchange refuses.

* ExchangeError
  x InvalidFrameError
  x HistoryOutOfReachError
  x InvalidParameterError
  x ControlRejectedError
  x MixedKindsError
"""


class ExchangeError(Exception):
    """Base of all exceptions of the exchanges."""


class InvalidFrameError(ExchangeError):
    """The frame can't be parsed; the message is the reason, written for a person."""


class HistoryOutOfReachError(ExchangeError):
    """The exchange has older trades than it shows; the message is the reason, written for a person."""


class InvalidParameterError(ExchangeError):
    """A parameter of a simulated exchange that is no non-negative integer; the message is its name."""


class ControlRejectedError(ExchangeError):
    """A control message that a simulated exchange answers with an error frame; the message is its reason."""


class MixedKindsError(ExchangeError):
    """A sum is wanted over markets of several kinds; the message names the exchanges, written for a person."""
