"""What a trade, a window and a whale are: standard library only, so that every other room can agree on it."""
