"""What a market, a trade, a window and a whale are: standard library only, so that every other room can use it."""
