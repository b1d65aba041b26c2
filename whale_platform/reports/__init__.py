"""Reports for people from the asset tables: Markdown and charts. Plain functions over rows; no Dagster or database."""
