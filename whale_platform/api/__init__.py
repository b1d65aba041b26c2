"""The JSON API over REST: what is in Postgres and on the board, given out. FastAPI lives here and nowhere else."""
