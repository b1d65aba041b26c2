"""DuckDB over the lake's files: the engine, the Parquet writer, SQL queries and exports."""
