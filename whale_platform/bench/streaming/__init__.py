"""Benchmarks between a frame and its row: latency, lag, backlogs, kills."""
