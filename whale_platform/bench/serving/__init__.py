"""Benchmarks of what clients see: the API, pushes, the page."""
