"""Alembic's scripts: `env.py` runs them, `versions/` holds them. Started by `whale_platform.stores.migrate` only."""
