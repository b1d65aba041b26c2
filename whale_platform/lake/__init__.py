"""The lake: every trade kept as Parquet in one Delta table, written, kept in order and read without a JVM."""
