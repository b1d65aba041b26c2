"""Exceptions of the back-test; each message says what to do.

* BacktestError
  x InvalidRuleError
"""


class BacktestError(Exception):
    """Base of all exceptions of the back-test."""


class InvalidRuleError(BacktestError):
    """The file of rules can't be read, or a rule in it is wrong; the message names the rule and the key."""
