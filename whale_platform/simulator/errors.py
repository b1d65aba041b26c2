"""Exceptions of the simulator.

* SimulatorError
  x PlaySetupError (also a ValueError)
"""


class SimulatorError(Exception):
    """Base of all exceptions of the simulator."""


class PlaySetupError(SimulatorError, ValueError):
    """The settings or files allow no play; the message says in one line what to do."""
