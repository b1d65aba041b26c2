"""From a frame to the broker: parse, check, sequence, send, and count what was delivered."""
