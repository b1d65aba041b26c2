"""Exceptions of the simulator.

* SimulatorError
  x PlaySetupError (also a ValueError)
  x InvalidParameterError
  x ControlRejectedError
"""


class SimulatorError(Exception):
    """Base of all exceptions of the simulator."""


class PlaySetupError(SimulatorError, ValueError):
    """The settings or files allow no play; the message says in one line what to do."""


class InvalidParameterError(SimulatorError):
    """A parameter that is no non-negative integer; the message is its name."""


class ControlRejectedError(SimulatorError):
    """A control message that is answered with an error frame; the message is its reason."""
