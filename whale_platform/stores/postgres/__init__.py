"""How Postgres is reached, by whatever needs it: connections, a pool, roles, locks."""
