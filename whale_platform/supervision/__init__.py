"""Keeps exactly one process of each service alive: policy, lease, heartbeat, managed processes. It imports no
Dagster."""
