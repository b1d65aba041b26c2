"""Postgres as this platform uses it: schema, upserts, thresholds, read models. psycopg2 lives here and nowhere else."""
