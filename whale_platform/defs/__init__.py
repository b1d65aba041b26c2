"""Dagster's view of the platform: assets, checks, jobs and schedules. Thin: what they do lives in other rooms."""
