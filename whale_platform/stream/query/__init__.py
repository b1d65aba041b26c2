"""A query: its transforms, its mode, its checkpoint, and how it recovers from a useless one."""
