"""The JSON API over REST: rows of Postgres and the latest cache, served. FastAPI lives here and nowhere else."""
