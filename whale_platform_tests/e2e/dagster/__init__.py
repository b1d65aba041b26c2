"""The whole platform with Dagster in charge: command line, UI, kills. One platform for all, since it takes a minute."""
