"""The newest state of every market in memory: kept up to date from Postgres, served as `/latest`."""
