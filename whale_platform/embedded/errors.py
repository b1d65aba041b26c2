"""The one error of this room: a line for the operator that says what to do."""


class EmbeddedError(Exception):
    """An embedded server or its parts can't be had; the message is one clear line with the way out."""
