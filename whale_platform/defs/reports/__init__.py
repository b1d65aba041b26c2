"""Rollups, whale reports, the daily report and whale thresholds: assets that Dagster computes from trades."""
