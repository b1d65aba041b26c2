"""Benchmarks of the way from a frame to a row: latency, lag, backlogs, kills."""
