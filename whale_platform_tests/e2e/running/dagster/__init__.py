"""The whole platform with Dagster in charge: command line, UI, kills."""
