"""What the asset tables say, for people: Markdown and pictures. Plain functions over rows; no Dagster, no database."""
