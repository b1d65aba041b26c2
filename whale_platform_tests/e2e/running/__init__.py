"""What people do with a running platform, by Dagster and by the dashboard. One for all, since it takes a minute."""
