"""Exchanges, topics and stream tables as assets that the platform makes and Dagster only shows."""
