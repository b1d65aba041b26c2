"""The Delta table through deltalake: its schema, its files, its commits, and what a loss of power may leave."""
