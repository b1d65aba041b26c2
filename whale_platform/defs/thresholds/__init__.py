"""Whale thresholds in Dagster: suggested from recent trades."""
