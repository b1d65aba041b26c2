"""Services as Dagster runs: shifts that show them, jobs that control them, the launcher of both."""
