"""Mistakes of an operator: one line on stderr, exit code 2, never a traceback. Cheap to import."""

USER_ERROR = 2


class UserError(Exception):
    """The message is the line, and says what to do."""
