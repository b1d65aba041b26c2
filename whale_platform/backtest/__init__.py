"""Rules for whales, tried on the lake: how many alerts they give, and whether the price moves after them."""
