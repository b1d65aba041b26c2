"""What the benchmarks share: a scratch platform, load, clients, figures."""
