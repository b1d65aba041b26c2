"""Past hours recomputed from the lake, in Dagster."""
