"""Keeping exactly one of each service alive: spec, back-off, lease, beat, managed process. Nothing of Dagster in it."""
