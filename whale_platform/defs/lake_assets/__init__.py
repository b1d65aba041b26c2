"""The lake in Dagster: compaction, retention, imports, and hours recomputed from it."""
