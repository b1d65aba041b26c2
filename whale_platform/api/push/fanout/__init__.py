"""What each client gets and how it waits for it: plain state of the event loop, without network or disk."""
