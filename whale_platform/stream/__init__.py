"""Spark: raw trades in, one-minute windows and whale alerts out, Kafka to Kafka. pyspark lives here alone."""
