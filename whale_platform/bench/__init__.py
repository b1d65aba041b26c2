"""Measurements that can be run again: each starts the whole platform in a scratch home and prints JSON."""
