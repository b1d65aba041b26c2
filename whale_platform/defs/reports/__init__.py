"""Rollups, whale reports and the daily report: assets that Dagster computes from the stream tables."""
