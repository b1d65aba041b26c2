"""The one error of this room: a line for the operator that says what to do."""


class ToolchainError(Exception):
    """A program or file that the platform runs with can't be had; the message is one clear line with the way out."""
