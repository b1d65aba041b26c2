"""The tables that the sink writes: their rows, the statements that store them, and the notice of each commit."""
