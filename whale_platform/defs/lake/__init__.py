"""The lake in Dagster: compaction, retention and the deletion of files that nothing needs."""
