"""Kafka and Postgres on one machine without Docker or root: what they need, how they are laid out and started."""
