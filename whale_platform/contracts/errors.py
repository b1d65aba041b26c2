"""What this room raises."""


class MessageFormatError(ValueError):
    """A message that does not have the layout of its topic; the text is the reason, without the message's values."""
