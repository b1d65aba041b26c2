"""What a trade, its id, its limits and its sums are: standard library only, so that every other room can use it."""
