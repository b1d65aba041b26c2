"""Where each market of this process's share continues after any kind of stop, and what is kept for that."""
