"""Benchmarks of what is stored: lake, dumps, rollups."""
