"""Jobs that delete: old days, old runs and events, and checkpoints."""
